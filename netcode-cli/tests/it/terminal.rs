//! Layout on terminals of several widths.

use std::io::Read as _;
use std::num::NonZero;
use std::path::Path;
use std::process::Child;

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use vt100::{Parser, Screen};

use crate::command::{SERVER, client, folder, mint, run};

const WIDTHS: [u16; 4] = [60, 80, 100, 200];

/// A command on a terminal. The terminal cuts its rows when it is resized, and joins none.
struct Terminal {
    process: Child,
    pty: Pty,
    parser: Parser,
    bytes: Vec<u8>,
}

impl Terminal {
    fn start(folder: &Path, words: &str, size: (u16, u16), environment: &[(&str, &str)]) -> Self {
        let (rows, columns) = size;
        let (pty, terminal) = open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_netcode"))
            .args(words.split_whitespace())
            .current_dir(folder)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .envs(environment.iter().copied());
        Self {
            process: command.spawn(terminal).unwrap(),
            pty,
            parser: Parser::new(cells(rows), cells(columns), 0),
            bytes: Vec::new(),
        }
    }

    fn resize(&mut self, rows: u16, columns: u16) {
        let screen = self.parser.screen_mut();
        screen.set_size(cells(rows), cells(columns));
        self.pty.resize(Size::new(rows, columns)).unwrap();
    }

    /// Reads what the command writes, until the screen is as wanted. `false`: it has ended.
    fn read_until(&mut self, wanted: impl Fn(&Screen) -> bool) -> bool {
        let mut buffer = [0; 4096];
        while !wanted(self.parser.screen()) {
            // The end of the process is an error on Linux, an empty read elsewhere.
            match self.pty.read(&mut buffer) {
                Ok(len) if len > 0 => {
                    let bytes = &buffer[..len];
                    self.bytes.extend_from_slice(bytes);
                    self.parser.process(bytes);
                }
                _ => return false,
            }
        }
        true
    }

    /// Reads until the command has ended.
    fn read(&mut self) -> &Screen {
        self.read_until(|_| false);
        self.parser.screen()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

fn wrapped_rows(screen: &Screen) -> Vec<String> {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let text: Vec<String> = screen.rows(0, columns).collect();
    (0..rows)
        .filter(|&row| screen.row_wrapped(row))
        .map(|row| text[usize::from(row)].clone())
        // clap does not wrap the line of the usage.
        .filter(|text| !text.starts_with("Usage: "))
        .collect()
}

#[test]
fn tables_and_help_fit_every_width() {
    let folder = folder("widths");
    for words in [
        "demo --clients 2 --seconds 0.2",
        "help",
        "server --help",
        "client -h",
        "conform client --help",
        "token mint --help",
    ] {
        for columns in WIDTHS {
            let mut terminal = Terminal::start(&folder, words, (250, columns), &[]);
            let screen = terminal.read();
            assert_eq!(wrapped_rows(screen), [""; 0], "{words} at {columns}");
            assert!(!screen.contents().is_empty(), "{words}");
        }
    }
}

#[test]
fn a_live_table_follows_the_terminal_and_leaves_nothing_behind() {
    let folder = folder("resized");
    let words = format!("{SERVER} --bind 127.0.0.1:0");
    let mut terminal = Terminal::start(&folder, &words, (24, 100), &[]);
    let bound = |screen: &Screen| {
        let text = screen.contents();
        let (_, rest) = text.split_once("bound=[")?;
        rest.split_once(']').map(|(address, _)| address.to_owned())
    };
    assert!(terminal.read_until(|screen| bound(screen).is_some()));
    let address = bound(terminal.parser.screen()).unwrap();
    mint(&folder, u64::MAX, &address);
    let mut player = client(&folder, &format!("{}.token", u64::MAX));
    let id = u64::MAX.to_string();
    // One table, with all columns that there is room for.
    let is_table = |screen: &Screen, lacks: &str| {
        let text = screen.contents();
        let mut headers = text.lines().filter(|line| line.contains(" client  "));
        let (header, another) = (headers.next().unwrap_or_default(), headers.next());
        let shown: Vec<&str> = header.split_whitespace().collect();
        let mut expected = vec![
            "slot",
            "client",
            "address",
            "in",
            "out",
            "lost",
            "handshake",
        ];
        expected.retain(|column| !lacks.contains(column));
        another.is_none() && shown == expected && text.contains(&format!(" {id}  "))
    };
    for (columns, lacks) in [
        (100, ""),
        (60, "handshake"),
        (40, "slot address lost handshake"),
        (200, ""),
        (80, ""),
    ] {
        terminal.resize(24, columns);
        let shown = terminal.read_until(|screen| is_table(screen, lacks));
        assert!(shown, "{columns}: {}", terminal.parser.screen().contents());
    }
    player.kill().unwrap();
    player.wait().unwrap();
}

#[test]
fn a_pipe_gets_neither_colours_nor_live_text() {
    let folder = folder("piped");
    let output = run(&folder, "demo --clients 2 --seconds 0.2");
    assert!(output.stderr.is_empty());
    assert!(!output.stdout.contains(&0x1b));
    let help = run(&folder, "server --help");
    assert!(!help.stdout.contains(&0x1b));
}

#[test]
fn a_terminal_has_colours_unless_no_color_is_set() {
    let folder = folder("colour");
    let words = SERVER.replace("--for 60", "--bind 127.0.0.1:0 --for 0");
    let coloured = |environment: &[(&str, &str)]| {
        let mut terminal = Terminal::start(&folder, &words, (24, 100), environment);
        let text = terminal.read().contents();
        assert!(text.contains("server started"), "{text}");
        terminal.bytes.windows(3).any(|bytes| bytes == b"\x1b[3")
    };
    assert!(coloured(&[]));
    assert!(!coloured(&[("NO_COLOR", "1")]));
}
