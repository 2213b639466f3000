//! Conformance checks for servers and clients of [netcode 1.02], in any language, over real UDP.
//!
//! The tool plays clients, servers, attackers and broken peers, and reports for each rule of the
//! standard whether the implementation under test keeps it, with the datagrams as evidence. The
//! `netcode conform` command is this library with a command line.
//!
//! | module | contents |
//! | --- | --- |
//! | `wire` | the wire format, written for this tool alone |
//! | `check` | checks, verdicts, outcomes |
//! | `server`, `client` | checks of servers and of clients |
//! | `run`, `slots` | order, repetition and time budget of checks; slots that they share |
//! | `evidence` | datagrams sent and received |
//! | `report` | table, JSON, JUnit XML |
//!
//! A verdict is *pass*, *fail* or *not observable*. A datagram that should have been dropped and was
//! answered is a failure at once. An answer that did not come is tried three times, because a
//! network loses datagrams too.
//!
//! [netcode 1.02]: https://github.com/mas-bandwidth/netcode/blob/main/STANDARD.md

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod check;
mod client;
mod evidence;
mod report;
mod run;
mod server;
mod slots;
mod wire;

pub use check::{About, Group, Outcome, Role, Verdict};
pub use client::{ClientStart, ClientTarget, NoClient, check_client, client_checks};
pub use evidence::{Direction, Entry};
pub use report::{Counts, Report, list};
pub use run::Options;
pub use server::{DISCONNECT_ME, Known, ServerTarget, Unreachable, check_server, server_checks};
