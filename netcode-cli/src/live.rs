//! Live tables: redrawn in place below the lines of a terminal.

use std::time::{Duration, Instant};

use anyhow::Result;
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::text::print;

/// Maximum number of rows; a terminal has no room for thousands.
const MOST_ROWS: u32 = 20;

const BETWEEN_DRAWINGS: Duration = Duration::from_millis(200);

/// Live table on standard error, and lines on standard output above it.
pub(crate) struct Live {
    /// Hidden where standard error is no terminal.
    bar: ProgressBar,
    drawn: Option<Instant>,
}

impl Live {
    pub(crate) fn shown() -> Self {
        Self::on(ProgressDrawTarget::stderr_with_hz(5))
    }

    /// Lines without a table: for programs that read them.
    pub(crate) fn hidden() -> Self {
        Self::on(ProgressDrawTarget::hidden())
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self { bar, drawn: None }
    }

    /// Prints above the table.
    pub(crate) fn line(&self, text: &str) -> Result<()> {
        self.bar.suspend(|| print(format_args!("{text}")))
    }

    /// `true` if it is time to redraw the table; always `false` for a hidden one.
    pub(crate) fn is_due(&self) -> bool {
        let soon = |drawn: Instant| drawn.elapsed() < BETWEEN_DRAWINGS;
        !self.bar.is_hidden() && !self.drawn.is_some_and(soon)
    }

    /// Draws the first of `count` rows, as many as there is room for.
    pub(crate) fn draw<const COLUMNS: usize>(
        &mut self,
        header: [&str; COLUMNS],
        count: u32,
        rows: impl Iterator<Item = [String; COLUMNS]>,
    ) {
        self.drawn = Some(Instant::now());
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(header);
        for row in rows.take(MOST_ROWS as usize) {
            table.add_row(row);
        }
        self.bar.set_message(match count.saturating_sub(MOST_ROWS) {
            0 => table.to_string(),
            unseen => format!("{table}\n… and {unseen} more"),
        });
    }

    /// Removes the table.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
