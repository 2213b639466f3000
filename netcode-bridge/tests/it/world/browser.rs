//! One session as a browser sees it, over either transport.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use netcode_bridge::{BridgeAddresses, Transport};
use netcode_std::core::bridge::CloseCode;
use tokio::runtime::{Builder, Runtime};

use super::{webrtc, webtransport};

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// All browsers of a test program share the threads they run on.
pub(super) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    })
}

/// Request of a browser for a session.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) transport: Transport,
    pub(crate) bridge: BridgeAddresses,
    pub(crate) path: String,
    pub(crate) origin: Option<String>,
    /// Over WebRTC: data channels besides the session's.
    pub(crate) extra_channels: usize,
    /// Over WebRTC: forged DTLS alerts are sent in this browser's name.
    pub(crate) forged_alerts: bool,
}

impl Visit {
    pub(crate) fn new(transport: Transport, bridge: &BridgeAddresses, server: SocketAddr) -> Self {
        Self {
            transport,
            bridge: bridge.clone(),
            path: format!("/netcode/{server}"),
            origin: None,
            extra_channels: 0,
            forged_alerts: false,
        }
    }
}

/// Set once the session is over: with the bridge's code, if it gave one.
pub(super) type Ended = Arc<OnceLock<Option<CloseCode>>>;

/// The session's end of the channels to its task.
pub(super) struct Ends {
    pub(super) outgoing: tokio::sync::mpsc::UnboundedReceiver<Vec<u8>>,
    pub(super) received: Sender<Vec<u8>>,
    /// Longest message to the bridge, once it is known.
    pub(super) most: Arc<OnceLock<usize>>,
    pub(super) ended: Ended,
    /// Over WebRTC: the offer and its answer.
    pub(super) descriptions: Descriptions,
}

pub(super) type Descriptions = Arc<OnceLock<[String; 2]>>;

/// A session. Messages sent before it is open wait. Dropping it closes it.
pub(crate) struct Browser {
    outgoing: tokio::sync::mpsc::UnboundedSender<Vec<u8>>,
    received: Receiver<Vec<u8>>,
    most: Arc<OnceLock<usize>>,
    ended: Ended,
    descriptions: Descriptions,
}

impl Browser {
    /// Asks for a session; whether it is refused shows later.
    pub(crate) fn open(visit: Visit) -> Self {
        Self::open_on(runtime(), visit)
    }

    /// The same on threads of its own, which a test may stop.
    pub(crate) fn open_on(runtime: &Runtime, visit: Visit) -> Self {
        let (outgoing, to_send) = tokio::sync::mpsc::unbounded_channel();
        let (on_received, received) = channel();
        let (most, ended) = (Arc::default(), Ended::default());
        let descriptions = Descriptions::default();
        let ends = Ends {
            outgoing: to_send,
            received: on_received,
            most: Arc::clone(&most),
            ended: Arc::clone(&ended),
            descriptions: Arc::clone(&descriptions),
        };
        match visit.transport {
            Transport::WebTransport => runtime.spawn(webtransport::run(visit, ends)),
            Transport::WebRtc => runtime.spawn(webrtc::run(visit, ends)),
        };
        Self {
            outgoing,
            received,
            most,
            ended,
            descriptions,
        }
    }

    pub(crate) fn send(&self, message: &[u8]) {
        // A session that is over takes nothing.
        let _ = self.outgoing.send(message.to_vec());
    }

    /// The next message from the bridge, if one comes in time.
    pub(crate) fn receive(&self, limit: Duration) -> Option<Vec<u8>> {
        self.received.recv_timeout(limit).ok()
    }

    /// Waits for the session's end: the code the bridge gave, if it gave one.
    pub(crate) fn end(&self) -> Option<CloseCode> {
        // The sender goes with the session's task.
        loop {
            match self.received.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the session does not end"),
            }
        }
        *self.ended.get().expect("it ended")
    }

    /// Over WebRTC: the offer and its answer, once the session is open.
    pub(crate) fn descriptions(&self) -> &[String; 2] {
        self.descriptions.get().unwrap()
    }

    /// Longest message to the bridge: known once the session is open.
    pub(crate) fn most(&self) -> Option<usize> {
        self.most.get().copied()
    }
}
