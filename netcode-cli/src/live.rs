//! Live text: redrawn in place on a terminal, below the lines of the log.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::{Term, measure_text_width, truncate_str};

const BETWEEN_DRAWINGS: Duration = Duration::from_millis(200);

/// Live text on standard error, nothing where that is no terminal. Clones share it.
#[derive(Clone)]
pub(crate) struct Live(Arc<Mutex<State>>);

struct State {
    /// `None`: nothing is drawn.
    term: Option<Term>,
    /// Lines on the terminal. Each ends with a line feed and is narrower than the terminal was, so
    /// that a terminal that becomes wider leaves them as they are.
    lines: Vec<String>,
    drawn: Option<Instant>,
}

/// Room for live text, in characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) columns: usize,
    pub(crate) lines: usize,
}

impl Live {
    /// Live text on standard error, if that is a terminal that can redraw.
    pub(crate) fn shown() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
        let term = Term::buffered_stderr();
        Self::on((term.is_term() && !dumb).then_some(term))
    }

    /// No live text: for programs that read the output.
    pub(crate) fn hidden() -> Self {
        Self::on(None)
    }

    fn on(term: Option<Term>) -> Self {
        Self(Arc::new(Mutex::new(State {
            term,
            lines: Vec::new(),
            drawn: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line of the log, with its line feed, above the live text.
    pub(crate) fn write_above(&self, line: &[u8]) {
        // A terminal that is gone is no reason to stop.
        let _ = self.state().write_above(line);
    }

    /// Room for live text, if it is time to redraw it.
    pub(crate) fn due(&self) -> Option<Room> {
        let state = self.state();
        let soon = |drawn: Instant| drawn.elapsed() < BETWEEN_DRAWINGS;
        match &state.term {
            Some(term) if !state.drawn.is_some_and(soon) => Some(room(term)),
            _ => None,
        }
    }

    /// Replaces the live text. Lines that are too long are cut.
    pub(crate) fn draw(&self, text: &str) {
        let _ = self.state().draw(text);
    }

    /// Replaces the live text by one line, if it is time to.
    pub(crate) fn line(&self, text: impl FnOnce() -> String) {
        if self.due().is_some() {
            self.draw(&text());
        }
    }

    /// Removes the live text.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        let _ = state.erase();
        state.drawn = None;
    }
}

impl State {
    fn write_above(&mut self, line: &[u8]) -> io::Result<()> {
        if self.term.is_none() {
            return io::stderr().lock().write_all(line);
        }
        let lines = std::mem::take(&mut self.lines);
        self.erase_lines(&lines)?;
        if let Some(mut term) = self.term.as_ref() {
            term.write_all(line)?;
        }
        self.draw(&lines.join("\n"))
    }

    fn draw(&mut self, text: &str) -> io::Result<()> {
        self.drawn = Some(Instant::now());
        let lines = std::mem::take(&mut self.lines);
        self.erase_lines(&lines)?;
        let Some(term) = &self.term else {
            return Ok(());
        };
        let room = room(term);
        self.lines = text
            .lines()
            .take(room.lines)
            .map(|line| truncate_str(line, room.columns, "…").into_owned())
            .collect();
        for line in &self.lines {
            term.write_line(line)?;
        }
        term.flush()
    }

    fn erase(&mut self) -> io::Result<()> {
        let lines = std::mem::take(&mut self.lines);
        self.erase_lines(&lines)?;
        self.term.as_ref().map_or(Ok(()), Term::flush)
    }

    fn erase_lines(&self, lines: &[String]) -> io::Result<()> {
        let Some(term) = self.term.as_ref().filter(|_| !lines.is_empty()) else {
            return Ok(());
        };
        let (_, columns) = term.size();
        let widths = lines.iter().map(|line| measure_text_width(line));
        term.move_cursor_up(rows(widths, columns.into()))?;
        term.clear_to_end_of_screen()
    }
}

/// One column and one line less than the terminal has: the cursor stays below the text, and no
/// line fills its row, which terminals treat as one with the next.
fn room(term: &Term) -> Room {
    let (lines, columns) = term.size();
    Room {
        columns: usize::from(columns).saturating_sub(1),
        lines: usize::from(lines).saturating_sub(1),
    }
}

/// Rows that lines of these widths take: a terminal that has become narrower has wrapped them.
fn rows(widths: impl Iterator<Item = usize>, columns: usize) -> usize {
    widths
        .map(|width| width.div_ceil(columns.max(1)).max(1))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_as_many_rows_as_a_narrower_terminal_wraps_it_into() {
        assert_eq!(rows([79, 0, 20].into_iter(), 80), 3);
        assert_eq!(rows([79, 0, 20].into_iter(), 40), 4);
        assert_eq!(rows([80].into_iter(), 40), 2);
        assert_eq!(rows([5].into_iter(), 0), 5);
    }
}
