//! Socket options.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// Options requested from the operating system for a socket. Any that it refuses is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub struct SocketOptions {
    /// Bytes of each of the socket's two buffers. If the system refuses, half is requested, then
    /// half of that, until it accepts.
    pub buffer_bytes: usize,
    /// DSCP mark of outgoing datagrams, 0 to 63, for routers that prioritise. 46, *expedited
    /// forwarding*, is usual for games and voice.
    pub dscp: Option<u8>,
}

impl Default for SocketOptions {
    /// 4 MiB of buffer in each direction, as the reference asks for, and no mark.
    fn default() -> Self {
        Self {
            buffer_bytes: 4 * 1024 * 1024,
            dscp: None,
        }
    }
}

impl SocketOptions {
    /// Binds one UDP socket with these options, for the caller's own event loop: non-blocking, and
    /// for IPv6 alone if the address is IPv6.
    ///
    /// # Errors
    /// The system refuses the address.
    pub fn bind(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            // IPv4 has a socket of its own: no address has two forms.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        self.size_buffers(&socket);
        self.mark(&socket, address);
        socket.bind(&address.into())?;
        Ok(socket.into())
    }

    fn size_buffers(&self, socket: &Socket) {
        // Systems take the size as a C int; a larger value would be truncated.
        let most = self.buffer_bytes.min(1 << 30);
        let halves = || std::iter::successors(Some(most), |size| Some(size / 2));
        let worth_it = |size: &usize| *size >= 64 * 1024;
        let _ = halves()
            .take_while(worth_it)
            .find(|&size| socket.set_recv_buffer_size(size).is_ok());
        let _ = halves()
            .take_while(worth_it)
            .find(|&size| socket.set_send_buffer_size(size).is_ok());
    }

    fn mark(&self, socket: &Socket, address: SocketAddr) {
        let Some(dscp) = self.dscp else { return };
        // The two low bits of the field are for ECN.
        let field = u32::from(dscp & 63) << 2;
        let _ = match address {
            SocketAddr::V4(_) => socket.set_tos_v4(field),
            #[cfg(unix)]
            SocketAddr::V6(_) => socket.set_tclass_v6(field),
            #[cfg(not(unix))]
            SocketAddr::V6(_) => Ok(()),
        };
    }
}
