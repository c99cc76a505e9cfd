//! Tables on pages: how wide columns are, rows that break, and headings that come again.

use super::{
    layout::{Layout, Role, SIDE, line_height},
    letters::{Ink, Letters, Line, Style, Weight},
};
use crate::report::render::document::{Cell, Holds, Table};

const TEXT: Style = Style { weight: Weight::Regular, size: 8.2, ink: Ink::Text };
const NAME: Style = Style { weight: Weight::Strong, size: 8.2, ink: Ink::Text };
const HEAD: Style = Style { weight: Weight::Strong, size: 7.8, ink: Ink::Soft };
const CAPTION: Style = Style { weight: Weight::Regular, size: 8.2, ink: Ink::Soft };
/// Between columns.
const GUTTER: f32 = 8.0;
/// Above and below a row's text.
const PAD: f32 = 2.4;
/// A row to write in.
const ROOM: f32 = 24.0;
/// No column is narrower.
const NARROWEST: f32 = 26.0;

fn style(holds: Holds) -> Style {
    if holds == Holds::Name { NAME } else { TEXT }
}

/// Where columns begin, and how wide they are: each as wide as its longest text where that leaves enough for the others.
fn columns(letters: &Letters, table: &Table, width: f32) -> Vec<(f32, f32)> {
    let natural = table.columns.iter().enumerate().map(|(index, column)| {
        let cells = table.rows.iter().filter_map(|row| row.cells.get(index));
        let widest = cells
            .map(|cell| letters.width(&letters.shown(&cell.plain()), style(column.holds)))
            .fold(0.0, f32::max);
        widest.max(letters.width(&column.name, HEAD)).max(NARROWEST) + 1.0
    });
    let natural: Vec<f32> = natural.collect();
    let free = width - GUTTER * (natural.len() as f32 - 1.0);
    let widths = shared(&natural, free);
    let mut x = SIDE;
    widths
        .into_iter()
        .map(|width| {
            let place = (x, width);
            x += width + GUTTER;
            place
        })
        .collect()
}

/// Gives every column what it wants, up to a fair share of what the modest ones leave.
fn shared(natural: &[f32], free: f32) -> Vec<f32> {
    let mut widths = vec![0.0; natural.len()];
    let mut open: Vec<usize> = (0..natural.len()).collect();
    let mut left = free;
    while !open.is_empty() {
        let fair = left / open.len() as f32;
        let modest: Vec<usize> = open.iter().copied().filter(|index| natural[*index] <= fair).collect();
        if modest.is_empty() {
            // Longer texts get more, but not in proportion: nobody reads a column of one word a line.
            let weight = |index: usize| natural[index].sqrt();
            let sum: f32 = open.iter().map(|index| weight(*index)).sum();
            for index in &open {
                widths[*index] = left * weight(*index) / sum;
            }
            break;
        }
        for index in modest {
            widths[index] = natural[index];
            left -= natural[index];
            open.retain(|other| *other != index);
        }
    }
    let spare = free - widths.iter().sum::<f32>();
    if let Some(last) = widths.last_mut() {
        *last += spare.max(0.0);
    }
    widths
}

/// Sets a table where the layout stands.
pub(super) fn set(layout: &mut Layout<'_>, under: Option<usize>, table: &Table) {
    let places = columns(layout.letters, table, layout.width);
    let part = layout.tree.add(under, Role::Table { summary: table.caption.clone() });
    layout.need(70.0);
    if !table.caption.is_empty() {
        let caption = layout.tree.add(Some(part), Role::Caption);
        layout.flow(caption, &table.caption, CAPTION, (SIDE, layout.width));
    }
    let head = layout.tree.add(Some(part), Role::Head);
    let row = layout.tree.add(Some(head), Role::Row);
    let names: Vec<Option<usize>> =
        places.iter().map(|_| Some(layout.tree.add(Some(row), Role::ColumnName))).collect();
    headings(layout, table, &places, &names);
    let rows = layout.tree.add(Some(part), Role::Rows);
    for row in &table.rows {
        let line = layout.tree.add(Some(rows), Role::Row);
        let mut cells = Vec::new();
        for (index, column) in table.columns.iter().enumerate() {
            let role = if column.holds == Holds::Name { Role::RowName } else { Role::Cell };
            let part = layout.tree.add(Some(line), role);
            let text = row.cells.get(index).map(Cell::plain).unwrap_or_default();
            let lines = layout.letters.lines(&text, style(column.holds), places[index].1);
            cells.push((part, lines));
        }
        let room = table.columns.iter().all(|column| column.holds == Holds::Room);
        put_row(layout, table, &places, cells, if room { ROOM } else { 0.0 });
    }
}

fn headings(layout: &mut Layout<'_>, table: &Table, places: &[(f32, f32)], parts: &[Option<usize>]) {
    let lines: Vec<Vec<Line>> = table
        .columns
        .iter()
        .zip(places)
        .map(|(column, place)| layout.letters.lines(&column.name, HEAD, place.1))
        .collect();
    let deepest = lines.iter().map(Vec::len).max().unwrap_or(1);
    let top = layout.y;
    for ((cell, place), part) in lines.into_iter().zip(places).zip(parts) {
        layout.y = top;
        for line in cell {
            layout.put_line(*part, place.0, HEAD.size, line);
            layout.y += line_height(HEAD);
        }
    }
    layout.y = top + deepest as f32 * line_height(HEAD) + PAD;
    layout.rule((SIDE, layout.y), (SIDE + layout.width, layout.y), Ink::Soft, 0.7);
    layout.y += PAD;
}

/// One row; what does not fit goes on under the headings of the next page.
fn put_row(
    layout: &mut Layout<'_>,
    table: &Table,
    places: &[(f32, f32)],
    mut cells: Vec<(usize, Vec<Line>)>,
    least: f32,
) {
    let high = line_height(TEXT);
    loop {
        let deepest = cells.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
        let whole = (deepest as f32 * high).max(least) + 2.0 * PAD;
        let again = |layout: &mut Layout<'_>| {
            layout.turn();
            headings(layout, table, places, &vec![None; places.len()]);
        };
        let better_whole = whole > layout.room() && whole <= layout.whole_page() / 2.0;
        if better_whole || layout.room() < high + 2.0 * PAD {
            again(layout);
        }
        let fit = lines_that_fit(layout.room() - 2.0 * PAD, high).min(deepest);
        let top = layout.y;
        for ((part, lines), place) in cells.iter_mut().zip(places) {
            layout.y = top;
            for line in lines.drain(..fit.min(lines.len())) {
                layout.put_line(Some(*part), place.0, TEXT.size, line);
                layout.y += high;
            }
        }
        layout.y = top + (fit as f32 * high).max(least) + PAD;
        layout.rule((SIDE, layout.y), (SIDE + layout.width, layout.y), Ink::Line, 0.4);
        layout.y += PAD;
        if cells.iter().all(|(_, lines)| lines.is_empty()) {
            return;
        }
    }
}

fn lines_that_fit(room: f32, high: f32) -> usize {
    // No page has more lines than that.
    (1_usize..1000).take_while(|lines| *lines as f32 * high <= room).last().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modest_columns_keep_their_width_and_the_others_share() {
        let widths = shared(&[40.0, 400.0, 900.0], 500.0);
        assert!((widths[0] - 40.0).abs() < 0.01 && widths[1] > 150.0 && widths[2] > widths[1]);
        assert!((widths.iter().sum::<f32>() - 500.0).abs() < 0.1);
        assert_eq!(shared(&[10.0, 20.0], 100.0), [10.0, 90.0]);
    }
}
