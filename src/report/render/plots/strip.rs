//! The incident strip: what users met above, what the team did below, on one line of time.

use super::axis;
use crate::report::render::{
    picture::{Hold, Picture, Scale, Sign, Step, width},
    t_plus,
};
use crate::{
    base::Span,
    report::{
        debrief::{ChartMark, ClassSeries, Lane, Strip},
        wording,
    },
};
use std::collections::BTreeMap;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 128.0;
const RIGHT: f64 = 930.0;
const TOP: f64 = 30.0;
const CLASS_ROW: f64 = 46.0;
const CLASS_GAP: f64 = 16.0;
const LANE_ROW: f64 = 25.0;
const ROLE_ROW: f64 = 22.0;

const LANES: [(Lane, &str); 5] = [
    (Lane::Alarm, "Alarms"),
    (Lane::Response, "Response"),
    (Lane::Action, "Actions"),
    (Lane::Status, "Status updates"),
    (Lane::Service, "Service"),
];

/// The picture, with a title and a description in words.
pub(in crate::report::render) fn strip(strip: &Strip) -> Picture {
    let scale = Scale { from: strip.from, to: strip.to, left: LEFT, right: RIGHT };
    let roles = role_rows(strip);
    let classes_end = TOP + strip.classes.len() as f64 * (CLASS_ROW + CLASS_GAP);
    let windows_end = classes_end + 2.0 * LANE_ROW;
    let lanes_end = windows_end + 8.0 + LANES.len() as f64 * LANE_ROW;
    let gap = if roles.is_empty() { 0.0 } else { 8.0 };
    let roles_end = lanes_end + gap + roles.len() as f64 * ROLE_ROW;
    let height = roles_end + 44.0;
    let mut art = Picture::new(("strip", "plot"), (WIDTH, height), "Incident strip", &sentence(strip));
    for (from, to) in &strip.measured {
        let x = scale.x(*from);
        art.rect((x, TOP - 8.0), ((scale.x(*to) - x).max(1.5), roles_end - TOP + 8.0), "window");
    }
    window_caption(&mut art, strip, &scale);
    timed_axis(&mut art, strip, &scale, (TOP - 8.0, roles_end));
    let mut y = TOP;
    for class in &strip.classes {
        class_row(&mut art, class, &scale, y);
        y += CLASS_ROW + CLASS_GAP;
    }
    spans_row(&mut art, "Measured", &strip.measured, &scale, y, "measured");
    spans_row(&mut art, "Claimed", &strip.claimed, &scale, y + LANE_ROW, "claimed");
    y = windows_end + 8.0;
    for (lane, name) in LANES {
        lane_row(&mut art, strip, lane, name, &scale, y);
        y += LANE_ROW;
    }
    y += gap;
    for (role, bars) in &roles {
        role_row(&mut art, role, bars, &scale, y);
        y += ROLE_ROW;
    }
    art
}

/// The same in words.
pub(super) fn sentence(strip: &Strip) -> String {
    let spans = |list: &[(f64, f64)]| {
        let words: Vec<_> =
            list.iter().take(6).map(|(from, to)| format!("{} to {}", t_plus(*from), t_plus(*to))).collect();
        wording::list(&words)
    };
    let shares: Vec<_> = strip
        .classes
        .iter()
        .map(|class| format!("{} {}", class.name, wording::percent(class.inside)))
        .collect();
    let claimed = if strip.claimed.is_empty() {
        "No outage was claimed".to_owned()
    } else {
        format!("Claimed outage: {}", spans(&strip.claimed))
    };
    let measured = if strip.measured.is_empty() {
        "No outage was measured".to_owned()
    } else {
        format!(
            "Measured outage: {}; requests failing in it: {}",
            spans(&strip.measured),
            wording::list(&shares)
        )
    };
    format!("{measured}. {claimed}.")
}

fn window_caption(art: &mut Picture, strip: &Strip, scale: &Scale) {
    let Some((from, to)) = strip.measured.iter().copied().max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))
    else {
        return;
    };
    let millis = format!("{:.0}", (to - from) * 1000.0);
    let long = wording::time(Span::from_millis(millis.parse().unwrap_or_default()));
    let words = format!("measured outage, {long}");
    let half = width(&words) / 2.0;
    let middle = f64::midpoint(scale.x(from), scale.x(to)).clamp(LEFT + half, RIGHT - half);
    art.text((middle, TOP - 14.0), Hold::Middle, "t-window", &words);
}

fn timed_axis(art: &mut Picture, strip: &Strip, scale: &Scale, (top, bottom): (f64, f64)) {
    axis(art, scale, (top, bottom));
    art.line((scale.x(0.0), top), (scale.x(0.0), bottom + 4.0), "start");
    let words = format!("T is StartEx, {} UTC", strip.start.utc);
    art.text((RIGHT, bottom + 37.0), Hold::End, "t-note", &words);
}

fn class_row(art: &mut Picture, class: &ClassSeries, scale: &Scale, y: f64) {
    let base = y + CLASS_ROW;
    art.text((LEFT - 12.0, y + 18.0), Hold::End, "t-name", &class.name);
    let failed = format!("{} failed", wording::percent(class.inside));
    art.text((LEFT - 12.0, y + 33.0), Hold::End, "t-small", &failed);
    art.line((LEFT, y), (RIGHT, y), "full");
    art.text((RIGHT + 4.0, y + 4.0), Hold::Start, "t-tick", "all");
    // Runs without a gap; each column is as wide as the seconds it stands for.
    let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
    for &(at, share) in &class.points {
        let joins =
            runs.last().and_then(|run| run.last()).is_some_and(|(last, _)| at - last <= class.column * 1.5);
        match runs.last_mut() {
            Some(run) if joins => run.push((at, share)),
            _ => runs.push(vec![(at, share)]),
        }
    }
    for run in runs {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        let height = |share: f64| base - share * CLASS_ROW;
        let (left, right) = (scale.x(first.0), scale.x(last.0 + class.column));
        let mut edge = vec![Step::Move(left, base)];
        let mut level = base;
        for &(at, share) in &run {
            // A level stretch needs no further points.
            let next = height(share);
            if (next - level).abs() > f64::EPSILON {
                edge.extend([Step::Line(scale.x(at), level), Step::Line(scale.x(at), next)]);
            }
            level = next;
        }
        edge.push(Step::Line(right, level));
        let mut area = edge.clone();
        area.extend([Step::Line(right, base), Step::Close]);
        art.path(area, "area");
        art.path(edge, "edge");
    }
    art.line((LEFT, base), (RIGHT, base), "base");
}

fn spans_row(art: &mut Picture, name: &str, spans: &[(f64, f64)], scale: &Scale, y: f64, class: &str) {
    let middle = y + LANE_ROW / 2.0;
    art.text((LEFT - 12.0, middle + 4.0), Hold::End, "t-name", name);
    if spans.is_empty() {
        art.text((LEFT + 6.0, middle + 4.0), Hold::Start, "t-small", "none");
    }
    for (from, to) in spans {
        let (left, right) = (scale.x(*from), scale.x(*to));
        let title = format!("{name}: {} to {}", t_plus(*from), t_plus(*to));
        if class == "measured" {
            art.bar((left, middle - 4.0), (right - left, 8.0), "b-measured", &title);
            continue;
        }
        art.bar((left, middle - 1.0), (right - left, 2.0), "b-claimed", &title);
        for (at, inwards) in [(left, 4.0), (right, -4.0)] {
            let (top, bottom) = (middle - 6.0, middle + 6.0);
            let corners = [Step::Move(at + inwards, top), Step::Line(at, top), Step::Line(at, bottom)];
            art.path([&corners[..], &[Step::Line(at + inwards, bottom)]].concat(), "bracket");
        }
    }
}

fn lane_row(art: &mut Picture, strip: &Strip, lane: Lane, name: &str, scale: &Scale, y: f64) {
    let middle = y + LANE_ROW / 2.0;
    art.text((LEFT - 12.0, middle + 4.0), Hold::End, "t-lane", name);
    art.line((LEFT, middle), (RIGHT, middle), "lane");
    if lane == Lane::Alarm {
        for bar in &strip.alarms {
            let (left, right) = (scale.x(bar.from), scale.x(bar.to));
            let title = format!("{} {} to {}", bar.alarm, t_plus(bar.from), t_plus(bar.to));
            art.bar((left, middle - 2.5), (right - left, 5.0), "b-alarm", &title);
        }
        alarm_names(art, strip, scale, middle);
    }
    let marks: Vec<&ChartMark> = strip.marks.iter().filter(|mark| mark.lane == lane).collect();
    for (index, mark) in marks.iter().enumerate() {
        let x = scale.x(mark.at);
        let (shape, class) = look(&mark.what);
        let title = format!("{} {}", t_plus(mark.at), mark.text);
        art.mark(shape, (x, middle), class, &title);
        // A label stands where nothing else does.
        let word = &mark.label;
        let next = marks.get(index + 1).map_or(RIGHT, |next| scale.x(next.at) - 6.0);
        if x + 9.0 + width(word) <= next {
            art.text((x + 9.0, middle + 4.0), Hold::Start, "t-mark", word);
        }
    }
}

/// Each alarm's name where there is room: after its bar, else before it, else above it.
fn alarm_names(art: &mut Picture, strip: &Strip, scale: &Scale, middle: f64) {
    for bar in &strip.alarms {
        let (left, right) = (scale.x(bar.from), scale.x(bar.to));
        let wide = width(&bar.alarm) + 10.0;
        let free = |from: f64, to: f64| {
            from >= LEFT
                && to <= RIGHT
                && !strip
                    .alarms
                    .iter()
                    .any(|other| scale.x(other.from) - 8.0 < to && scale.x(other.to) > from && other != bar)
        };
        if free(right + 4.0, right + wide) {
            art.text((right + 7.0, middle + 4.0), Hold::Start, "t-mark", &bar.alarm);
        } else if free(left - wide - 4.0, left - 4.0) {
            art.text((left - 11.0, middle + 4.0), Hold::End, "t-mark", &bar.alarm);
        } else if strip.alarms.len() == 1 && wide < right - left {
            art.text((left + 9.0, middle - 5.0), Hold::Start, "t-mark", &bar.alarm);
        }
    }
}

fn look(what: &str) -> (Sign, &'static str) {
    match what {
        "raised" => (Sign::Up, "m-alarm"),
        "acknowledged" => (Sign::Circle, "m-hollow"),
        "declared" => (Sign::Diamond, "m-ink"),
        "guessed" => (Sign::Diamond, "m-hollow"),
        "answered" => (Sign::Diamond, "m-claimed"),
        "status" => (Sign::Circle, "m-ink"),
        "operated" => (Sign::Square, "m-ink"),
        "logged" => (Sign::Square, "m-hollow"),
        "restored" => (Sign::Up, "m-good"),
        "relapsed" => (Sign::Down, "m-alarm"),
        "all-clear" => (Sign::Circle, "m-good"),
        _ => (Sign::Cross, "m-hollow"),
    }
}

type Bars<'s> = Vec<(f64, f64, &'s str)>;

fn role_rows(strip: &Strip) -> Vec<(&str, Bars<'_>)> {
    let mut order: Vec<&str> = Vec::new();
    let mut rows: BTreeMap<&str, Bars<'_>> = BTreeMap::new();
    for bar in &strip.roles {
        if !order.contains(&bar.role.as_str()) {
            order.push(&bar.role);
        }
        rows.entry(&bar.role).or_default().push((bar.from, bar.to, &bar.person));
    }
    order.into_iter().map(|role| (role, rows.remove(role).unwrap_or_default())).collect()
}

fn role_row(art: &mut Picture, role: &str, bars: &Bars<'_>, scale: &Scale, y: f64) {
    let middle = y + ROLE_ROW / 2.0;
    art.text((LEFT - 12.0, middle + 4.0), Hold::End, "t-lane", role);
    for (from, to, person) in bars {
        let left = scale.x(*from);
        let wide = scale.x(*to) - left;
        let title = format!("{role}: {person}, {} to {}", t_plus(*from), t_plus(*to));
        art.bar((left, middle - 8.0), (wide - 1.0, 16.0), "b-role", &title);
        if width(person) + 10.0 <= wide {
            art.text((left + 6.0, middle + 4.0), Hold::Start, "t-role", person);
        }
    }
}
