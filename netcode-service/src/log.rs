//! Log lines on standard error.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::str::FromStr;

use clap::{ArgAction, ValueEnum};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};

/// Prefix of the targets of this project's crates.
const OURS: &str = "netcode";

/// Levels, from the quietest.
const LEVELS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

/// Options of the log, to flatten into a program's own.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Format of log lines, which go to standard error: text, or a JSON object on each line
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        env = "NETCODE_LOG_FORMAT",
        hide_env = true
    )]
    pub log_format: LogFormat,
    /// Level: off, error, warn, info, debug or trace. `info,netcode_std=debug` gives a part of the
    /// program its own
    #[arg(
        long = "log",
        value_name = "LEVEL",
        default_value = "info",
        env = "NETCODE_LOG",
        hide_env = true
    )]
    pub levels: Levels,
    /// Log more; twice, still more
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Log less; twice, still less
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people, in colour on a terminal unless `NO_COLOR` is set.
    #[default]
    Text,
    /// One JSON object on each line.
    Json,
}

/// Levels of a log: one for the program, and others for parts of it.
#[derive(Clone, Debug)]
pub struct Levels {
    program: LevelFilter,
    parts: Targets,
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut levels = Self {
            program: LevelFilter::INFO,
            parts: Targets::new(),
        };
        for item in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            match item.split_once('=') {
                Some((part, name)) => {
                    levels.parts = levels.parts.with_target(part, level(name)?);
                }
                None => levels.program = level(item)?,
            }
        }
        Ok(levels)
    }
}

fn level(name: &str) -> Result<LevelFilter, String> {
    let named = LEVELS.into_iter().find(|it| it.to_string() == name);
    named.ok_or_else(|| format!("`{name}` is not off, error, warn, info, debug or trace"))
}

impl LogArgs {
    /// Starts the log of this process. `program` is the name of the program's own crate, whose
    /// lines have the chosen level, as those of this project's crates do. Other crates' lines are
    /// shown from errors up: of many of them, a stranger's datagram causes a warning.
    ///
    /// # Errors
    /// It was started before.
    pub fn start(&self, program: &'static str) -> Result<(), AlreadyStarted> {
        self.start_with(program, |line| {
            // A reader of the log that is gone is no reason to stop.
            let _ = io::stderr().lock().write_all(line);
        })
    }

    /// Starts the log with a writer of the caller's, such as one that prints above a live table.
    /// Each call of `write` is for one line, with its line feed.
    ///
    /// # Errors
    /// It was started before.
    pub fn start_with(
        &self,
        program: &'static str,
        write: impl Fn(&[u8]) + Send + Sync + 'static,
    ) -> Result<(), AlreadyStarted> {
        let format = tracing_subscriber::fmt::layer::<Registry>()
            .with_writer(Lines(write))
            .log_internal_errors(false)
            .with_ansi(self.log_format == LogFormat::Text && has_colour());
        let level = self.level();
        let layer = match self.log_format {
            // People who ask for details want to know where a line is from.
            LogFormat::Text => format.with_target(level > LevelFilter::INFO).boxed(),
            LogFormat::Json => {
                let json = format.json().flatten_event(true);
                json.with_current_span(false).with_span_list(false).boxed()
            }
        };
        let others = level.min(LevelFilter::ERROR);
        let filter = Targets::new()
            .with_default(others)
            .with_target(OURS, level)
            .with_target(program, level)
            .with_targets(self.levels.parts.clone());
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadyStarted)
    }

    /// Level of the program's lines, `-v` and `-q` included.
    fn level(&self) -> LevelFilter {
        let chosen = LEVELS.iter().position(|&it| it == self.levels.program);
        let place = chosen
            .unwrap_or_default()
            .saturating_add(self.verbose.into())
            .saturating_sub(self.quiet.into());
        LEVELS.get(place).copied().unwrap_or(LevelFilter::TRACE)
    }
}

/// `true` if standard error shows colours: <https://no-color.org>.
fn has_colour() -> bool {
    let unset = |name| std::env::var_os(name).is_none_or(|value| value.is_empty());
    unset("NO_COLOR") && io::stderr().is_terminal()
}

/// Function as the writer of whole lines.
struct Lines<W>(W);

struct Line<'a, W>(&'a W);

impl<'a, W: Fn(&[u8]) + 'a> MakeWriter<'a> for Lines<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(&self.0)
    }
}

impl<W: Fn(&[u8])> Write for Line<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        (self.0)(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log of this process has been started before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyStarted;

impl fmt::Display for AlreadyStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the log of this process has been started before")
    }
}

impl std::error::Error for AlreadyStarted {}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        log: LogArgs,
    }

    fn level_of(words: &str) -> LevelFilter {
        let words = std::iter::once("program").chain(words.split_whitespace());
        Program::try_parse_from(words).unwrap().log.level()
    }

    #[test]
    fn more_and_less_count_from_the_chosen_level_and_stop_at_the_ends() {
        for (words, expected) in [
            ("", LevelFilter::INFO),
            ("-v", LevelFilter::DEBUG),
            ("-vvvvv", LevelFilter::TRACE),
            ("-q", LevelFilter::WARN),
            ("-qqqqq", LevelFilter::OFF),
            ("--log error -v", LevelFilter::WARN),
            ("--log netcode_std=debug", LevelFilter::INFO),
        ] {
            assert_eq!(level_of(words), expected, "{words}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for text in ["loud", "info,netcode_std=loud", "info,netcode_std"] {
            let refused = text.parse::<Levels>().unwrap_err();
            assert!(refused.contains("is not off, error"), "{refused}");
        }
    }
}
