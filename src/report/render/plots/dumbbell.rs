//! Claimed against measured: two dots a row, joined, each with its figure beside it.

use crate::report::render::{
    claimed_share,
    picture::{Hold, Picture, Scale, Sign, width},
    t_plus,
};
use crate::report::{debrief::Dumbbell, wording, wording::page};

const WIDTH: f64 = 680.0;
const LEFT: f64 = 220.0;
const RIGHT: f64 = 530.0;
const ROW: f64 = 34.0;
const TOP: f64 = 34.0;

/// The picture, with a title and a description in words; nothing when there is nothing to compare.
pub(in crate::report::render) fn dumbbell(data: &Dumbbell) -> Option<Picture> {
    if data.times.is_empty() && data.shares.is_empty() {
        return None;
    }
    let rows = data.times.len() + data.shares.len();
    let panels = usize::from(!data.times.is_empty()) + usize::from(!data.shares.is_empty());
    let height = rows as f64 * ROW + panels as f64 * 60.0;
    let mut art = Picture::new(
        ("compare", "plot narrow"),
        (WIDTH, height),
        "Claimed against measured",
        &sentence(data),
    );
    let mut y = TOP;
    if !data.times.is_empty() {
        y = times(&mut art, data, y) + 44.0;
    }
    if !data.shares.is_empty() {
        shares(&mut art, data, y);
    }
    Some(art)
}

/// The same in words.
pub(super) fn sentence(data: &Dumbbell) -> String {
    let time = |at: Option<f64>, none: &str| at.map_or_else(|| none.to_owned(), t_plus);
    let times = data.times.iter().map(|(name, claimed, measured)| {
        format!("{name}: claimed {}, measured {}", time(*claimed, page::NONE), time(*measured, page::NONE))
    });
    let shares = data.shares.iter().map(|pair| {
        let claimed = claimed_share(pair.claimed);
        let claimed = if pair.claimed.is_some() { format!("claimed {claimed}") } else { claimed };
        format!("{}: {claimed}, measured {}", pair.class, wording::percent(pair.measured))
    });
    let all: Vec<_> = times.chain(shares).collect();
    format!("{}.", all.join("; "))
}

fn times(art: &mut Picture, data: &Dumbbell, y: f64) -> f64 {
    let all: Vec<f64> =
        data.times.iter().flat_map(|(_, claimed, measured)| [*claimed, *measured]).flatten().collect();
    let low = all.iter().copied().reduce(f64::min).unwrap_or_default();
    let high = all.iter().copied().reduce(f64::max).unwrap_or_default();
    let pad = ((high - low) * 0.04).max(5.0);
    let scale = Scale { from: low - pad, to: high + pad, left: LEFT, right: RIGHT };
    art.text((0.0, y - 14.0), Hold::Start, "t-head", "When users were harmed");
    for (index, (name, claimed, measured)) in data.times.iter().enumerate() {
        let middle = y + (index as f64 + 0.5) * ROW;
        let claimed = claimed.map(|at| (scale.x(at), scale.x(at), t_plus(at)));
        let measured = measured.map(|at| (scale.x(at), t_plus(at)));
        row(art, name, middle, claimed.as_ref(), measured.as_ref());
    }
    y + data.times.len() as f64 * ROW + 18.0
}

fn shares(art: &mut Picture, data: &Dumbbell, y: f64) {
    let scale = Scale { from: 0.0, to: 1.0, left: LEFT, right: RIGHT };
    art.text((0.0, y - 24.0), Hold::Start, "t-head", "Share of requests that failed");
    let bottom = y + data.shares.len() as f64 * ROW;
    for (share, words) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
        let x = scale.x(share);
        art.line((x, y), (x, bottom), "grid");
        art.text((x, y - 6.0), Hold::Middle, "t-tick", words);
    }
    for (index, pair) in data.shares.iter().enumerate() {
        let middle = y + (index as f64 + 0.5) * ROW;
        let words = claimed_share(pair.claimed);
        let claimed = pair.claimed.map(|(low, high)| (scale.x(low), scale.x(high), words));
        let measured = (scale.x(pair.measured), wording::percent(pair.measured));
        row(art, &pair.class, middle, claimed.as_ref(), Some(&measured));
    }
}

/// One row: the label of the left dot stands left of it, that of the right dot right of it.
fn row(
    art: &mut Picture,
    name: &str,
    middle: f64,
    claimed: Option<&(f64, f64, String)>,
    measured: Option<&(f64, String)>,
) {
    art.text((0.0, middle + 4.0), Hold::Start, "t-name", name);
    art.line((LEFT, middle), (RIGHT, middle), "lane");
    let claimed_at = claimed.map(|(low, high, _)| f64::midpoint(*low, *high));
    if let (Some(a), Some((b, _))) = (claimed_at, measured) {
        art.line((a, middle), (*b, middle), "bond");
    }
    let left_is_claimed = match (claimed_at, measured) {
        (Some(a), Some((b, _))) => a <= *b,
        _ => true,
    };
    if let Some((low, high, words)) = claimed {
        if high > low {
            art.bar((*low, middle - 3.0), (high - low, 6.0), "b-claimed", words);
        }
        let centre = f64::midpoint(*low, *high);
        let title = format!("claimed {words}");
        art.mark(Sign::Diamond, (centre, middle), "m-claimed-hollow", &title);
        let edge = if left_is_claimed { *low } else { *high };
        beside(art, (edge, middle), left_is_claimed, "t-claimed", &title);
    }
    if let Some((at, words)) = measured {
        let title = format!("measured {words}");
        art.mark(Sign::Circle, (*at, middle), "m-measured", &title);
        let left = claimed.is_some() && !left_is_claimed;
        let at = match claimed {
            Some((low, _, _)) if left => at.min(*low),
            Some((_, high, _)) => at.max(*high),
            None => *at,
        };
        beside(art, (at, middle), left, "t-measured", &title);
    }
}

fn beside(art: &mut Picture, (x, y): (f64, f64), left: bool, class: &'static str, words: &str) {
    // At the picture's edge a label turns to the other side rather than being cut.
    let room_left = x - 11.0 - width(words) > 4.0;
    if left && room_left {
        art.text((x - 11.0, y + 4.0), Hold::End, class, words);
    } else {
        art.text((x + 11.0, y + 4.0), Hold::Start, class, words);
    }
}
