//! Clients: hosts with one of two roles, a clock, perhaps a bridge in their path, and an
//! application that joins, sends, leaves and joins again.

mod device;
mod host;
mod ours;
mod reference;

pub(crate) use host::ClientHost;
