//! A native WebRTC peer that behaves like a browser.

use std::net::SocketAddr;
use std::time::Instant;

use netcode_std::core::bridge::{CHANNEL_LABEL, CloseCode};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::browser::{Ends, Visit};
use super::raw_peer::is_stun;

const CHROMIUM: usize = 1225;

pub(super) async fn run(visit: Visit, mut ends: Ends) {
    let mut peer = Peer::new(&visit).await;
    let (offer, pending) = peer.offer(visit.extra_channels);
    let code = match post(&visit, &offer).await {
        Ok(answer) => {
            let descriptions = [offer, answer.clone()];
            ends.descriptions.set(descriptions).expect("once");
            peer.connect_and_carry(&answer, pending, &mut ends).await
        }
        Err(code) => Some(code),
    };
    ends.ended.set(code).expect("a session ends once");
}

/// Posts an offer; gives the answer, or the code of the refusal.
async fn post(visit: &Visit, offer: &str) -> Result<String, CloseCode> {
    let mut stream = TcpStream::connect(visit.bridge.http[0]).await.unwrap();
    let origin = visit.origin.as_ref();
    let origin = origin.map_or_else(String::new, |origin| format!("Origin: {origin}\r\n"));
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n{origin}\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{offer}",
        visit.path,
        offer.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    if head.starts_with("HTTP/1.1 201") {
        return Ok(body.to_owned());
    }
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let number = body["code"].as_u64().unwrap();
    Err(CloseCode::from_number(u32::try_from(number).unwrap()).unwrap())
}

struct Peer {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    channel: Option<ChannelId>,
    open: bool,
    code: Option<CloseCode>,
    over: bool,
    /// Forged alerts are sent in this peer's name.
    forged_alerts: bool,
}

/// A fatal alert of DTLS (`handshake_failure`), unauthenticated.
const ALERT: [u8; 15] = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40];

impl Peer {
    async fn new(visit: &Visit) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(str0m::crypto::from_feature_flags().into())
            .set_mtu(1400..=usize::MAX)
            .clear_codecs()
            .build(Instant::now());
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self {
            rtc,
            socket,
            address,
            channel: None,
            open: false,
            code: None,
            over: false,
            forged_alerts: visit.forged_alerts,
        }
    }

    fn offer(&mut self, extra_channels: usize) -> (String, SdpPendingOffer) {
        let mut change = self.rtc.sdp_api();
        self.channel = Some(change.add_channel_with_config(ChannelConfig {
            label: CHANNEL_LABEL.to_owned(),
            ordered: false,
            reliability: Reliability::MaxRetransmits { retransmits: 0 },
            ..ChannelConfig::default()
        }));
        for _ in 0..extra_channels {
            change.add_channel("extra".to_owned());
        }
        let (offer, pending) = change.apply().unwrap();
        (offer.to_sdp_string(), pending)
    }

    async fn connect_and_carry(
        &mut self,
        answer: &str,
        pending: SdpPendingOffer,
        ends: &mut Ends,
    ) -> Option<CloseCode> {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        let mut buffer = vec![0; 2048];
        while !self.over {
            let due = self.drain(ends);
            if self.over {
                break;
            }
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    // Told of a datagram sent before, perhaps (ICMP).
                    let Ok((len, from)) = received else { continue };
                    let receive = Receive::new(Protocol::Udp, from, self.address, &buffer[..len]);
                    self.handle_input(Input::Receive(Instant::now(), receive.unwrap()));
                }
                message = ends.outgoing.recv(), if self.open => match message {
                    Some(message) => self.send(&message),
                    None => {
                        let _ = self.rtc.close();
                        self.drain(ends);
                        return None;
                    }
                },
                () = tokio::time::sleep_until(due.into()) => {
                    self.handle_input(Input::Timeout(Instant::now()));
                }
            }
        }
        self.code
    }

    fn handle_input(&mut self, input: Input<'_>) {
        self.over |= self.rtc.handle_input(input).is_err();
    }

    fn send(&mut self, message: &[u8]) {
        if let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) {
            let _ = channel.write(true, message);
        }
    }

    fn drain(&mut self, ends: &Ends) -> Instant {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(due)) => return due,
                Ok(Output::Transmit(transmit)) => {
                    if self.forged_alerts && !is_stun(&transmit.contents) {
                        let _ = self.socket.try_send_to(&ALERT, transmit.destination);
                    }
                    let _ = self
                        .socket
                        .try_send_to(&transmit.contents, transmit.destination);
                }
                Ok(Output::Event(event)) => self.handle(event, ends),
                Err(_) => self.over = true,
            }
            if self.over || !self.rtc.is_alive() {
                self.over = true;
                return Instant::now();
            }
        }
    }

    fn handle(&mut self, event: Event, ends: &Ends) {
        match event {
            Event::ChannelOpen(id, _) if self.channel == Some(id) => {
                self.open = true;
                ends.most.set(CHROMIUM).expect("a channel opens once");
            }
            Event::ChannelData(message) => match CloseCode::from_message(&message.data) {
                Some(code) => self.code = Some(code),
                None => {
                    let _ = ends.received.send(message.data);
                }
            },
            Event::ChannelClose(id) if self.channel == Some(id) => self.over = true,
            Event::Closed => self.over = true,
            _ => {}
        }
    }
}
