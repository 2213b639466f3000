//! The tool against real implementations: ours, and three others.

mod harness;
mod implementations;
mod outcomes;
