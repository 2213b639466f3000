//! Offers: answers to them, and the tasks that drive their peer connections.

use std::sync::Arc;
use std::time::Instant;

use netcode_core::bridge::CloseCode;
use str0m::change::SdpOffer;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::{Candidate, RtcConfig};
use tokio::sync::mpsc;

use super::connection::Connection;
use super::credentials::{credentials, offered};
use super::demux::Demux;
use super::outbox::on_its_way;
use super::paths::Paths;
use super::peer;
use crate::config::BridgeConfig;
use crate::context::{Context, Visitor};
use crate::error::BridgeError;

/// Maximum message length that leaves in one UDP datagram: any netcode datagram, with the overhead
/// of SCTP, DTLS and UDP, below the path MTU of the Internet.
const MTU: usize = 1400;

/// Maximum length of a browser's message, bytes: above that of any netcode datagram.
const MAX_MESSAGE_BYTES: u32 = 2048;

/// Datagrams queued for one peer's task; further ones are dropped.
const WAITING_PACKETS: usize = 256;

/// Reason why an offer has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The session is refused.
    Refused(CloseCode),
    /// The body is not an offer of a data channel.
    BadOffer,
}

/// Answers to offers.
pub(crate) struct Offers {
    context: Arc<Context>,
    demuxes: Vec<Arc<Demux>>,
    crypto: Arc<CryptoProvider>,
    /// One for all sessions: making a certificate takes longer than the rest of an answer.
    certificate: DtlsCert,
}

impl Offers {
    pub(crate) fn new(
        context: Arc<Context>,
        demuxes: Vec<Arc<Demux>>,
    ) -> Result<Self, BridgeError> {
        let crypto = Arc::new(str0m::crypto::from_feature_flags());
        let certificate = crypto.dtls_provider.generate_certificate().ok_or_else(|| {
            BridgeError::Certificate("none could be made for data channels".to_owned())
        })?;
        Ok(Self {
            context,
            demuxes,
            crypto,
            certificate,
        })
    }

    pub(crate) fn config(&self) -> &BridgeConfig {
        &self.context.config
    }

    /// Answers an offer, and starts the task that opens a session once the data channel is open.
    /// Until then the offer holds an offer's place and no session's.
    pub(crate) fn answer(&self, visitor: &Visitor<'_>, text: &str) -> Result<String, Unanswered> {
        let offer = SdpOffer::from_sdp_string(text).map_err(|_| Unanswered::BadOffer)?;
        let remote = offered(text).ok_or(Unanswered::BadOffer)?;
        let local = credentials().ok_or(Unanswered::Refused(CloseCode::Unavailable))?;
        let guest = self.context.invite(visitor);
        let accepted = guest.and_then(|guest| self.context.offer(guest));
        let accepted = accepted.map_err(Unanswered::Refused)?;
        let buffer_bytes = self.context.config.limits.buffer_bytes;
        let config = RtcConfig::new()
            .set_crypto_provider(Arc::clone(&self.crypto))
            .set_dtls_cert(self.certificate.clone())
            .set_local_ice_credentials(local.clone())
            .set_ice_lite(true)
            .set_mtu(MTU..=usize::MAX)
            .set_sctp_max_message_size(MAX_MESSAGE_BYTES)
            .set_sctp_max_buffered_amount(on_its_way(buffer_bytes))
            .clear_codecs();
        let mut rtc = config.build(Instant::now());
        for demux in &self.demuxes {
            if let Ok(candidate) = Candidate::host(demux.candidate(), "udp") {
                rtc.add_local_candidate(candidate);
            }
        }
        let answer = rtc
            .sdp_api()
            .accept_offer(offer)
            .map_err(|_| Unanswered::BadOffer)?
            .to_sdp_string();
        let (packets, received) = mpsc::channel(WAITING_PACKETS);
        let route = |demux| Demux::route(demux, &local.ufrag, packets.clone());
        let routes = self.demuxes.iter().map(route).collect();
        let paths = Paths::new(Arc::clone(&self.crypto), &local, &remote);
        let context = Arc::clone(&self.context);
        let connection = Connection::new(rtc, context, routes, received, paths);
        tokio::spawn(peer::run(connection, accepted));
        Ok(answer)
    }
}
