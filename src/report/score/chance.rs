//! What a claim about the cause is worth that knows nothing of the drill. A scenario in which guessing pays teaches guessing.

use super::{
    claim_score,
    diagnose::{facts_score, nearness, supported},
    measure::tax,
};
use crate::{drill::plan::Plan, fault::kind, scenario::act::CauseClaim};
use std::collections::BTreeSet;

/// More than this may no claim be worth that knows nothing.
pub const CHANCE_MAX: f64 = 0.2;

/// What a claim at random is worth on average: any component of the target, any kind of fault, and each of the offered
/// statements ticked by the toss of a coin.
pub fn random(plan: &Plan) -> f64 {
    let components = plan.target.components();
    let component = if plan.truth.cause.component.is_empty() {
        0.0
    } else {
        mean(components.iter().map(|one| nearness(plan, &[one])))
    };
    let kinds: Vec<f64> = kind::all().map(|one| tax(&one, &plan.truth.cause.kind)).collect();
    let cause = &plan.truth.cause;
    let worth = |kind: f64, facts: Option<f64>| supported(component, kind, facts);
    if cause.facts.is_empty() {
        return mean(kinds.into_iter().map(|kind| worth(kind, None)));
    }
    let ticks = by_coin(cause.facts.len(), cause.distractors.len());
    mean(
        kinds
            .into_iter()
            .map(|kind| ticks.iter().map(|(share, facts)| share * worth(kind, Some(*facts))).sum::<f64>()),
    )
}

/// Every way in which a coin ticks statements: how often it comes, and what the ticks are worth.
fn by_coin(facts: usize, distractors: usize) -> Vec<(f64, f64)> {
    let ways = |n: usize, k: usize| (0..k).fold(1.0, |ways, i| ways * (n - i) as f64 / (i + 1) as f64);
    let all = 2_f64.powi(i32::try_from(facts + distractors).unwrap_or(i32::MAX));
    let one = |right: usize, wrong: usize| {
        let share = ways(facts, right) * ways(distractors, wrong) / all;
        (share, facts_score(right, facts, wrong, distractors))
    };
    (0..=facts)
        .flat_map(|right| (0..=distractors).map(move |wrong| (right, wrong)))
        .map(|(right, wrong)| one(right, wrong))
        .collect()
}

/// What it is worth to tick everything that is offered and to name nothing.
pub fn ticks_everything(plan: &Plan) -> f64 {
    let facts = plan.fact_offers.iter().map(|offer| offer.id.clone()).collect();
    claim_score(plan, &CauseClaim { facts, ..CauseClaim::default() })
}

/// Of all claims that name the same component and the same kind in every one of `plans`, and tick nothing or everything,
/// the one that is worth most on average; and that average.
pub fn best_constant(plans: &[Plan]) -> (CauseClaim, f64) {
    let components: BTreeSet<&str> = plans.iter().flat_map(|plan| plan.target.components()).collect();
    let kinds: Vec<String> = kind::all().collect();
    let named = components.into_iter().map(|one| Some(one.to_owned())).chain([None]);
    let mut best = (CauseClaim::default(), 0.0);
    for component in named {
        for kind in kinds.iter().map(Some).chain([None]) {
            for ticks in [false, true] {
                let claim =
                    CauseClaim { component: component.clone(), kind: kind.cloned(), ..CauseClaim::default() };
                let worth = mean(plans.iter().map(|plan| claim_score(plan, &for_plan(plan, &claim, ticks))));
                if worth > best.1 {
                    best = (claim, worth);
                }
            }
        }
    }
    best
}

fn for_plan(plan: &Plan, claim: &CauseClaim, ticks: bool) -> CauseClaim {
    let offers = plan.fact_offers.iter().filter(|_| ticks);
    CauseClaim { facts: offers.map(|offer| offer.id.clone()).collect(), ..claim.clone() }
}

fn mean(figures: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = figures.fold((0.0, 0_u32), |(sum, count), one| (sum + one, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::builder::{plan, right_cause};

    #[test]
    fn a_coin_is_worth_the_mean_of_all_ticks() {
        let mean = |facts, distractors| {
            by_coin(facts, distractors).into_iter().map(|(share, worth)| share * worth).sum::<f64>()
        };
        // Two true statements, one that is not. Ticked: nothing 0; one of two 2/3, twice; both 1. With the wrong one 0.
        let hand = (2.0 * 2.0 / 3.0 + 1.0) / 8.0;
        assert!((mean(2, 1) - hand).abs() < 1e-9);
        // Without a statement that is wrong, ticking pays.
        assert!(mean(5, 0) > 0.6);
        assert!(mean(5, 6) < 0.12);
        let whole: f64 = by_coin(5, 6).into_iter().map(|(share, _)| share).sum();
        assert!((whole - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_random_claim_is_the_mean_of_its_parts() {
        let plan = plan();
        // Three components: the right one 1, its neighbour .5, one that is none 0.
        let component = (1.0 + 0.5) / 3.0;
        // `config.capacity` is right, the rest of its family half.
        let family = kind::all().filter(|one| one.starts_with("config.")).count();
        let all = kind::all().count() as f64;
        let kind = (1.0 + 0.5 * (family - 1) as f64) / all;
        // Two true statements and two others: one wrong tick is what a coin does, and leaves nothing. So of sixteen ways
        // two are worth 2/3, one is worth 1, and the others nothing.
        let facts = (2.0 * 2.0 / 3.0 + 1.0) / 16.0;
        // The better of kind and facts: with facts at 2/3 only a kind that is right is better.
        let better = (1.0 + 2.0 * (2.0 / 3.0 + 1.0 / all / 3.0) + 13.0 * kind) / 16.0;
        let hand = 0.35 * component * (0.25 + 0.75 * better) + 0.20 * kind + 0.45 * facts;
        assert!((random(&plan) - hand).abs() < 1e-9, "{} is not {hand}", random(&plan));
        assert!(ticks_everything(&plan) < 1e-9);
    }

    #[test]
    fn a_constant_claim_is_found_by_trying_all() {
        let one = plan();
        let (claim, worth) = best_constant(std::slice::from_ref(&one));
        assert_eq!(claim.component, right_cause().component);
        // Component and kind, and no statement.
        assert!((worth - 0.55).abs() < 1e-9, "{worth}");
        let mut other = plan();
        other.truth.cause.component = "metadata".to_owned();
        other.truth.cause.kind = "dependency.slow".to_owned();
        let (_, worth) = best_constant(&[one, other]);
        assert!((worth - 0.275).abs() < 1e-9, "{worth}");
    }
}
