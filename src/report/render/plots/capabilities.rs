//! The capabilities as dots on a line from 0 to 1: by the drill's own profile, and by the other one.

use crate::{
    report::{
        render::{
            figure,
            picture::{Hold, Picture, Scale, Sign},
        },
        score::{Dimension, Score},
        wording::page,
    },
    scenario::Profile,
};

const WIDTH: f64 = 680.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 600.0;
const TOP: f64 = 34.0;
const ROW: f64 = 26.0;

/// The picture; nothing when nothing is scored.
pub(in crate::report::render) fn capabilities(score: &Score) -> Option<Picture> {
    if score.dimensions.is_empty() {
        return None;
    }
    let height = TOP + score.dimensions.len() as f64 * ROW + 12.0;
    let title = "Capabilities as dots";
    let mut art = Picture::new(("dots", "plot narrow"), (WIDTH, height), title, &sentence(score));
    let scale = Scale { from: 0.0, to: 1.0, left: LEFT, right: RIGHT };
    for (value, words) in [(0.0, "0"), (0.5, "0.5"), (1.0, "1")] {
        art.line((scale.x(value), TOP - 6.0), (scale.x(value), height - 12.0), "grid");
        art.text((scale.x(value), TOP - 12.0), Hold::Middle, "t-tick", words);
    }
    for (index, dimension) in score.dimensions.iter().enumerate() {
        let middle = TOP + (index as f64 + 0.5) * ROW;
        art.text((LEFT - 14.0, middle + 4.0), Hold::End, "t-lane", dimension.name.as_str());
        art.line((LEFT, middle), (RIGHT, middle), "lane");
        let own = dimension.score;
        let by_other = dimension.figures.of(other(score.profile));
        if let Some(value) = by_other {
            let title = format!("{} {}", page::profile(other(score.profile)), figure(by_other));
            art.mark(Sign::Diamond, (scale.x(value), middle), "m-hollow", &title);
        }
        match own {
            Some(value) => {
                let title = format!("{} {}", page::profile(score.profile), figure(own));
                art.mark(Sign::Circle, (scale.x(value), middle), "m-measured", &title);
                art.text((RIGHT + 14.0, middle + 4.0), Hold::Start, "t-measured", &figure(own));
            }
            None => art.text((RIGHT + 14.0, middle + 4.0), Hold::Start, "t-small", "not judged"),
        }
    }
    Some(art)
}

fn other(profile: Profile) -> Profile {
    match profile {
        Profile::UnderstandFirst => Profile::RestoreFirst,
        Profile::RestoreFirst => Profile::UnderstandFirst,
    }
}

fn sentence(score: &Score) -> String {
    let one = |dimension: &Dimension| match dimension.score {
        Some(_) => format!(
            "{} {} ({} by {})",
            dimension.name.as_str(),
            figure(dimension.score),
            figure(dimension.figures.of(other(score.profile))),
            page::profile(other(score.profile))
        ),
        None => format!("{} not judged", dimension.name.as_str()),
    };
    let all: Vec<_> = score.dimensions.iter().map(one).collect();
    format!("By {}: {}.", page::profile(score.profile), all.join(", "))
}
