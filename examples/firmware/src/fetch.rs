//! A sealed token from the backend: `POST /v1/device/connect` over TCP.
//!
//! Plain HTTP/1.1: the token opens on this device alone and for this nonce alone, so nobody on the
//! path can read it or put another in its place. An attacker can deny service, so the time and the
//! bytes of a request are bounded.
//!
//! While a device fetches a token, it has no session: the TCP socket and its buffers are on the
//! stack, which is deeper when the token is opened.

use core::net::SocketAddrV4;

use netcode_core::sealed::{DeviceId, DeviceNonce, DevicePublic, SEALED_TOKEN_BYTES};
use smoltcp::iface::{SocketSet, SocketStorage};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};

use crate::clock;
use crate::head;
use crate::network::Network;
use crate::text::Piece::{Hex, Number, Text};
use crate::text::join;

/// Longest time until the backend accepts the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time of a request, its connection included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Receive window: the backend sends no more before it is read.
const RECEIVE_BYTES: usize = 1024;
/// Room for the head of a request, and as much for its body.
const SEND_BYTES: usize = 2 * PART_BYTES;
const PART_BYTES: usize = 192;
/// Longest name of a backend that fits there.
pub const MAX_HOST_BYTES: usize = 64;

/// Request for a token.
pub struct Request<'a> {
    pub backend: SocketAddrV4,
    /// Name of the backend, at most [`MAX_HOST_BYTES`] long, for a proxy that serves several.
    pub host: &'a str,
    /// TCP port of this device: another for each request, since the backend remembers the last.
    pub port: u16,
    pub device_id: DeviceId,
    pub public: &'a DevicePublic,
    /// Drawn for this request.
    pub nonce: &'a DeviceNonce,
}

/// Failure to fetch a token.
pub enum FetchError {
    /// The backend does not answer, or refuses the connection.
    Unreachable,
    /// The answer is not complete in time.
    TimedOut,
    /// The connection ends before the answer is complete.
    Closed,
    /// The answer is no HTTP, or its body is no sealed token.
    Malformed,
    /// The backend refuses the request.
    Refused {
        /// HTTP status.
        status: u16,
        /// Seconds to wait, if the backend names them.
        retry_after: Option<u32>,
    },
}

/// Fetches a sealed token into `token`, whose contents are undefined after a failure. `turn` is
/// called for everything else that the device does, every millisecond.
///
/// Never inlined: its socket would stand on the stack for as long as the program runs.
///
/// # Errors
/// See [`FetchError`]. The request can be repeated, with another nonce.
#[inline(never)]
pub fn fetch(
    network: &mut Network,
    request: &Request<'_>,
    token: &mut [u8; SEALED_TOKEN_BYTES],
    turn: &mut dyn FnMut(Instant),
) -> Result<(), FetchError> {
    let (mut received, mut sent) = ([0; RECEIVE_BYTES], [0; SEND_BYTES]);
    let mut storage = [SocketStorage::EMPTY];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let handle = sockets.add(Socket::new(
        SocketBuffer::new(&mut received[..]),
        SocketBuffer::new(&mut sent[..]),
    ));
    let socket = sockets.get_mut(handle);
    let connected = network.connect(socket, request.backend, request.port);
    connected.map_err(|_| FetchError::Unreachable)?;
    let started = clock::now();
    let mut progress = Progress::Connecting;
    loop {
        let now = clock::now();
        let idle = network.exchange(now, &mut sockets);
        let socket = sockets.get_mut::<Socket<'_>>(handle);
        progress = match progress.advance(socket, request, token) {
            Ok(Progress::Complete) => {
                socket.close();
                network.exchange(now, &mut sockets);
                return Ok(());
            }
            Ok(progress) if now < started + progress.timeout() => progress,
            overdue => {
                socket.abort();
                network.exchange(now, &mut sockets);
                return Err(match overdue {
                    Err(error) => error,
                    Ok(Progress::Connecting) => FetchError::Unreachable,
                    Ok(_) => FetchError::TimedOut,
                });
            }
        };
        turn(now);
        if idle {
            clock::sleep();
        }
    }
}

/// Progress of a request.
#[derive(Clone, Copy)]
enum Progress {
    Connecting,
    /// The buffer has so many bytes of the head.
    Head(usize),
    /// The buffer has so many bytes of the body.
    Body(usize),
    Complete,
}

impl Progress {
    fn timeout(self) -> Duration {
        match self {
            Self::Connecting => CONNECT_TIMEOUT,
            _ => TIMEOUT,
        }
    }

    fn advance(
        self,
        socket: &mut Socket<'_>,
        request: &Request<'_>,
        buffer: &mut [u8; SEALED_TOKEN_BYTES],
    ) -> Result<Self, FetchError> {
        match self {
            Self::Connecting if socket.may_send() => {
                ask(socket, request, buffer).ok_or(FetchError::Unreachable)?;
                Ok(Self::Head(0))
            }
            Self::Connecting if socket.is_open() => Ok(self),
            Self::Connecting => Err(FetchError::Unreachable),
            Self::Head(len) => {
                let len = receive(socket, buffer, len)?;
                read_head(buffer, len)
            }
            Self::Body(len) => Ok(Self::of_body(receive(socket, buffer, len)?)),
            Self::Complete => Ok(self),
        }
    }

    fn of_body(len: usize) -> Self {
        if len < SEALED_TOKEN_BYTES {
            Self::Body(len)
        } else {
            Self::Complete
        }
    }
}

/// Sends a request, composed in `buffer`; `None` if the socket does not take all of it.
fn ask(socket: &mut Socket<'_>, request: &Request<'_>, buffer: &mut [u8]) -> Option<()> {
    let (head, body) = buffer.split_at_mut_checked(PART_BYTES)?;
    let body = join(
        &[
            Text("{\"deviceId\":\""),
            Number(request.device_id.0),
            Text("\",\"publicKey\":\""),
            Hex(request.public.as_bytes()),
            Text("\",\"nonce\":\""),
            Hex(request.nonce.as_bytes()),
            Text("\"}"),
        ],
        body,
    );
    let head = join(
        &[
            Text("POST /v1/device/connect HTTP/1.1\r\nConnection: close\r\nHost: "),
            Text(request.host),
            Text("\r\nContent-Type: application/json\r\nContent-Length: "),
            Number(body.len() as u64),
            Text("\r\n\r\n"),
        ],
        head,
    );
    for part in [head, body] {
        if socket.send_slice(part) != Ok(part.len()) {
            return None;
        }
    }
    Some(())
}

/// Takes what has arrived behind the first `len` bytes of the buffer; the new length.
fn receive(socket: &mut Socket<'_>, buffer: &mut [u8], len: usize) -> Result<usize, FetchError> {
    let room = buffer.get_mut(len..).unwrap_or_default();
    let arrived = socket.recv_slice(room).map_err(|_| FetchError::Closed)?;
    Ok(len + arrived)
}

/// Reads the head in the first `len` bytes of the buffer, and moves what is behind it to the front.
fn read_head(buffer: &mut [u8; SEALED_TOKEN_BYTES], len: usize) -> Result<Progress, FetchError> {
    let arrived = buffer.get(..len).unwrap_or_default();
    let Some(head) = head::read(arrived).map_err(|_| FetchError::Malformed)? else {
        // A head that fills the buffer is none of the backend's.
        let room = len < SEALED_TOKEN_BYTES;
        return room
            .then_some(Progress::Head(len))
            .ok_or(FetchError::Malformed);
    };
    if head.status != 200 {
        return Err(FetchError::Refused {
            status: head.status,
            retry_after: head.retry_after,
        });
    }
    if head.encoded || head.body_bytes != Some(SEALED_TOKEN_BYTES as u32) {
        return Err(FetchError::Malformed);
    }
    buffer.copy_within(head.end..len, 0);
    Ok(Progress::of_body(len - head.end))
}
