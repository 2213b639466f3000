//! A web backend for netcode: from a website to a dedicated server with a free slot.
//!
//! A player signs in and asks for a token; the service recognizes the player, chooses a server,
//! keeps a slot there, and mints the token. `README.md` says how to run it; [`identity`] is the one
//! file to read to put it behind another login.
//!
//! | module | question that it answers |
//! | --- | --- |
//! | [`api`] | HTTP: routes, bodies, refusals |
//! | [`identity`] | who is asking? |
//! | [`limits`], [`origin`] | is it too often, and from where? |
//! | [`placement`] | which server? |
//! | [`store`] | which servers are there, and which slots are taken? |
//! | [`mint`] | the token |
//! | [`service`] | all of these, together |
//! | [`serve`] | listening, TLS, the end |
//! | [`metrics`] | counters |
//! | [`site`] | the website in front |

pub mod api;
pub mod identity;
pub mod limits;
pub mod metrics;
pub mod mint;
pub mod origin;
pub mod placement;
pub mod serve;
pub mod service;
pub mod site;
pub mod store;
