//! Common parts of netcode's long-running programs, so that an operator learns them once: log options,
//! signals, options from the environment, metrics and health over HTTP.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use clap::{CommandFactory as _, FromArgMatches as _, Parser};
//! use netcode_service::{
//!     EndpointArgs, Health, LogArgs, Phase, ReloadSignal, StopSignal, with_environment,
//! };
//!
//! #[derive(Parser)]
//! struct Args {
//!     #[command(flatten)]
//!     log: LogArgs,
//!     #[command(flatten)]
//!     endpoint: EndpointArgs,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let matches = with_environment(Args::command()).get_matches();
//! let args = Args::from_arg_matches(&matches)?;
//! args.log.start("matchmaker")?;
//!
//! let (stop, reload) = (StopSignal::listen()?, ReloadSignal::listen()?);
//! let health = Health::new(Duration::from_secs(10));
//! // Metrics come from a crate of the program's choice, as OpenMetrics text.
//! let _endpoint = args.endpoint.start(health.clone(), || "# EOF\n".to_owned())?;
//! health.set_phase(Phase::Serving);
//! while !stop.is_requested() {
//!     health.turn();
//!     if reload.take() {
//!         // Read configuration again.
//!     }
//!     // Serve.
//! }
//! health.set_phase(Phase::Draining);
//! # Ok(())
//! # }
//! ```
//!
//! Log lines are [`tracing`](https://docs.rs/tracing) events of the program and of its libraries.
//!
//! # Features
//!
//! | feature | default | effect |
//! | --- | --- | --- |
//! | `endpoint` | yes | metrics and health over HTTP |
//! | `manual` | yes | shell completions and manual pages |

#![forbid(unsafe_code)]

mod address;
#[cfg(feature = "endpoint")]
mod check;
#[cfg(feature = "endpoint")]
mod endpoint;
mod environment;
#[cfg(feature = "endpoint")]
mod health;
mod log;
#[cfg(feature = "manual")]
mod manual;
mod protocol_id;
mod signal;

pub use self::address::parse_address;
#[cfg(feature = "endpoint")]
pub use self::check::{HealthArgs, HealthError};
#[cfg(feature = "endpoint")]
pub use self::endpoint::{Endpoint, EndpointArgs, EndpointError};
pub use self::environment::{with_environment, with_environment_of};
#[cfg(feature = "endpoint")]
pub use self::health::{Health, Phase};
pub use self::log::{AlreadyStarted, Levels, LogArgs, LogFormat};
#[cfg(feature = "manual")]
pub use self::manual::{CompletionsArgs, ManArgs};
pub use self::protocol_id::parse_protocol_id;
pub use self::signal::{ReloadSignal, StopSignal};

/// Examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
