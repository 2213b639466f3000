//! Troubles: what goes wrong with hosts, clocks and paths, for a while.

use netcode_core::server::Admission;

use super::World;
use crate::backend::{EPOCH, PRIVATE_KEYS};
use crate::clients::ClientHost;
use crate::clock::HostClock;
use crate::ground::Checked;
use crate::network::Cut;
use crate::plan::{Host, SECOND, Trouble, TroubleKind, server_address};

impl World<'_> {
    pub(super) fn begin(&mut self, trouble: &Trouble) -> Checked {
        let g = &mut self.g;
        match trouble.kind {
            TroubleKind::Restart {
                server,
                memory: true,
            } => {
                g.coverage.note("fault: restart with memory");
                if self.down.insert(server) {
                    // Stopped, but its socket stays open.
                    return self.servers[server].stop(g);
                }
                Ok(())
            }
            TroubleKind::Restart {
                server,
                memory: false,
            } => {
                g.coverage.note("fault: restart without memory");
                if self.down.insert(server) {
                    self.servers[server].forget_all(g);
                    return self.servers[server].start(g);
                }
                Ok(())
            }
            TroubleKind::Kick { server } => {
                g.coverage.note("fault: kick");
                self.servers[server].kick(g)
            }
            TroubleKind::Rotate { overlap } => {
                g.coverage.note("fault: key rotation");
                let valid_until = EPOCH + g.time / SECOND + overlap;
                let mut servers = self.servers.iter_mut();
                servers.try_for_each(|server| server.rotate_key(PRIVATE_KEYS[1], valid_until))
            }
            TroubleKind::Close { server } => {
                g.coverage.note("fault: closed");
                self.servers[server].admit(Admission::Closed);
                Ok(())
            }
            TroubleKind::Date { server, by } => {
                g.coverage.note("fault: date");
                self.servers[server].date_error += by;
                Ok(())
            }
            TroubleKind::Reboot { client } => {
                g.coverage.note("fault: device reboot");
                self.clients[client].reboot(g);
                self.clients[client].drain(g)
            }
            TroubleKind::Rebind { client } => {
                g.coverage.note("fault: rebind");
                self.clients[client].rebind();
                Ok(())
            }
            _ => {
                self.disturb(trouble);
                Ok(())
            }
        }
    }

    /// Begins a trouble of the network, of a clock or of a process.
    pub(super) fn disturb(&mut self, trouble: &Trouble) {
        let g = &mut self.g;
        if let Some(cut) = cut(trouble, &self.clients) {
            g.coverage.note(match cut {
                Cut::Held(..) => "attack: observer with delay",
                _ => "fault: partition",
            });
            g.network.cuts.push(cut);
        }
        match trouble.kind {
            TroubleKind::ClockJump { host, by } => {
                g.coverage.note("fault: clock jump");
                let time = g.time;
                let (clock, wake) = self.clock(host);
                clock.jump(time, by);
                *wake = Some(time);
            }
            TroubleKind::ClockStop { host } => {
                g.coverage.note("fault: clock stop");
                let time = g.time;
                let (clock, wake) = self.clock(host);
                clock.stop(time);
                *wake = Some(time);
            }
            TroubleKind::Suspend { host, buffer } => {
                g.coverage.note("fault: suspend");
                match host {
                    Host::Server(id) => self.servers[id].suspended = Some(buffer),
                    Host::Client(id) => self.clients[id].suspended = Some(buffer),
                }
            }
            TroubleKind::ShortBuffers { host } => match host {
                Host::Server(id) => self.servers[id].short_buffers = true,
                Host::Client(id) => self.clients[id].shorten_buffers(true),
            },
            _ => {}
        }
    }

    pub(super) fn clock(&mut self, host: Host) -> (&mut HostClock, &mut Option<u64>) {
        match host {
            Host::Server(id) => {
                let host = &mut self.servers[id];
                (&mut host.clock, &mut host.wake)
            }
            Host::Client(id) => {
                let host = &mut self.clients[id];
                (&mut host.clock, &mut host.wake)
            }
        }
    }

    pub(super) fn end(&mut self, trouble: &Trouble) -> Checked {
        let time = self.g.time;
        match trouble.kind {
            TroubleKind::Restart { server, .. } => {
                if self.down.remove(&server) && !self.servers[server].is_running() {
                    return self.servers[server].start(&mut self.g);
                }
            }
            TroubleKind::Rotate { .. } => self.g.backend.key = PRIVATE_KEYS[1],
            TroubleKind::Close { server } => self.servers[server].admit(Admission::Open),
            TroubleKind::Date { server, by } => self.servers[server].date_error -= by,
            TroubleKind::ClockStop { host } => {
                let (clock, wake) = self.clock(host);
                clock.resume(time);
                *wake = Some(time);
            }
            TroubleKind::Suspend {
                host: Host::Server(id),
                ..
            } => return self.servers[id].resume(&mut self.g),
            TroubleKind::Suspend {
                host: Host::Client(id),
                ..
            } => return self.clients[id].resume(&mut self.g),
            TroubleKind::ShortBuffers { host } => match host {
                Host::Server(id) => self.servers[id].short_buffers = false,
                Host::Client(id) => self.clients[id].shorten_buffers(false),
            },
            _ => {
                self.g.network.cuts.clear();
            }
        }
        Ok(())
    }
}

/// Part of the network that a trouble breaks.
fn cut(trouble: &Trouble, clients: &[ClientHost]) -> Option<Cut> {
    Some(match trouble.kind {
        TroubleKind::PartitionClient { client } => Cut::Address(clients[client].address),
        TroubleKind::PartitionServer { server } => Cut::Address(server_address(server)),
        TroubleKind::OneWay {
            client,
            server,
            up: true,
        } => Cut::OneWay(clients[client].address, server_address(server)),
        TroubleKind::OneWay {
            client,
            server,
            up: false,
        } => Cut::OneWay(server_address(server), clients[client].address),
        TroubleKind::Held { client, by } => Cut::Held(clients[client].address, by),
        _ => return None,
    })
}
