//! The tool against real implementations: ours, and three others.

mod faults;
mod harness;
mod implementations;
mod outcomes;
