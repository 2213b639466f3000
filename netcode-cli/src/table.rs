//! Tables that fit a terminal.

use comfy_table::{ColumnConstraint, Table, presets};
use console::measure_text_width;

use crate::live::Room;

/// Column of a table.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// The column with the lowest number is left out first where there is no room for all.
    pub(crate) importance: u8,
}

/// Text of a table with the first of `count` rows, as many rows and columns as there is room for.
pub(crate) fn fit<const N: usize>(
    columns: &[Column; N],
    count: u32,
    rows: impl Iterator<Item = [String; N]>,
    room: Room,
) -> String {
    // The header, and a line for the rows that have no room.
    let most = room.lines.saturating_sub(2);
    let mut table = plain();
    table.set_header(columns.iter().map(|column| column.name));
    for row in rows.take(most) {
        table.add_row(row);
    }
    let mut order: Vec<usize> = (0..N).collect();
    order.sort_by_key(|&at| columns.get(at).map(|column| column.importance));
    // The most important one stays.
    order.pop();
    for at in order {
        if table.lines().all(|line| width(&line) <= room.columns) {
            break;
        }
        if let Some(column) = table.column_mut(at) {
            column.set_constraint(ColumnConstraint::Hidden);
        }
    }
    let mut text = table.trim_fmt();
    let unseen = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_sub(most);
    if unseen > 0 {
        text.push_str(&format!("\n… and {unseen} more"));
    }
    text
}

/// Table without borders.
pub(crate) fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn width(line: &str) -> usize {
    measure_text_width(line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column {
            name: "name",
            importance: 3,
        },
        Column {
            name: "address",
            importance: 1,
        },
        Column {
            name: "count",
            importance: 2,
        },
    ];

    fn table(columns: usize, lines: usize) -> String {
        let rows = (0..10).map(|at| {
            [
                format!("row {at}"),
                "127.0.0.1:40000".to_owned(),
                "7".to_owned(),
            ]
        });
        fit(&COLUMNS, 10, rows, Room { columns, lines })
    }

    #[test]
    fn the_least_important_columns_are_left_out_until_a_table_fits() {
        for (columns, shown) in [(80, "nac"), (30, "nac"), (29, "nc"), (10, "n"), (3, "n")] {
            let text = table(columns, 24);
            let header = text.lines().next().unwrap();
            for (letter, name) in [("n", "name"), ("a", "address"), ("c", "count")] {
                assert_eq!(
                    header.contains(name),
                    shown.contains(letter),
                    "{columns}: {header}"
                );
            }
        }
    }

    #[test]
    fn rows_that_have_no_room_are_counted() {
        assert_eq!(table(80, 24).lines().count(), 11);
        let text = table(80, 8);
        assert_eq!(text.lines().count(), 8);
        assert!(text.ends_with("… and 4 more"), "{text}");
    }
}
