//! Devices: clients whose tokens come sealed to them, and that lose their power.

use netcode_core::ProtocolId;
use netcode_core::sealed::{
    DeviceId, DeviceNonce, DeviceSecret, SEALED_TOKEN_BYTES, SealContext, SealerSecret, open_token,
    seal_token,
};

use super::host::{ClientHost, Role};
use crate::backend::{EPOCH, PROTOCOL};
use crate::ground::{Checked, Ground, check};
use crate::plan::{ClientKind, DeviceMemory, SECOND};

/// Sealed token that an attacker recorded.
#[derive(Clone, Copy)]
pub(super) struct Recorded {
    pub(super) message: [u8; SEALED_TOKEN_BYTES],
    pub(super) ticket: usize,
    /// Nonce of the request that it answered.
    pub(super) nonce: DeviceNonce,
}

/// Keys of a device, and the sealed tokens that an attacker recorded on their way to it.
pub(super) struct Device {
    pub(super) secret: DeviceSecret,
    pub(super) sealer: SealerSecret,
    pub(super) nonce: DeviceNonce,
    pub(super) recorded: Vec<Recorded>,
    /// Kept across a power cut.
    pub(super) newest: u64,
}

impl ClientHost {
    pub(super) fn set_up_device(&mut self) {
        let (ClientKind::Device(memory), Some(device), Role::Ours(ours)) =
            (self.plan.kind, &mut self.device, &mut self.role)
        else {
            return;
        };
        match memory {
            DeviceMemory::Nonce => device.nonce = DeviceNonce::generate(&mut self.rng),
            DeviceMemory::NewestToken => ours.accept_only_newer_than(device.newest),
            DeviceMemory::Date => {}
        }
    }

    /// Sends a new token to a device, sealed; an attacker records it.
    pub(super) fn deliver_sealed(&mut self, g: &mut Ground, ticket: usize) {
        let Some(device) = &mut self.device else {
            return;
        };
        let context = context(self.id, device.nonce);
        let mut message = [0; SEALED_TOKEN_BYTES];
        let token = &g.backend.tickets[ticket].token;
        let sealed = seal_token(
            &context,
            &device.sealer,
            &device.secret.public(),
            token,
            &mut self.rng,
            &mut message,
        );
        if sealed.is_ok() {
            device.recorded.push(Recorded {
                message,
                ticket,
                nonce: device.nonce,
            });
        }
    }

    pub(super) fn tell_device_date(&mut self, g: &Ground, now: u64) {
        if let (ClientKind::Device(DeviceMemory::Date), Role::Ours(ours)) =
            (self.plan.kind, &mut self.role)
        {
            ours.tell_date(now, EPOCH + g.time / SECOND);
        }
    }

    /// An attacker gives a device a sealed token that it recorded. A device with a nonce must not
    /// open it after a restart; one with another memory decides when it connects.
    pub(crate) fn replay_sealed(&mut self, g: &mut Ground, which: usize) -> Checked {
        let Some(device) = &mut self.device else {
            return Ok(());
        };
        let which = which % device.recorded.len().max(1);
        let Some(&recorded) = device.recorded.get(which) else {
            return Ok(());
        };
        let (mut message, ticket) = (recorded.message, recorded.ticket);
        g.coverage.note("attack: stolen sealed token");
        let context = context(self.id, device.nonce);
        let opened = open_token(
            &context,
            &device.secret,
            &device.sealer.public(),
            &mut message,
        );
        let opened = match opened {
            Ok(token) => {
                g.coverage.note("sealed token: opened");
                check(
                    recorded.nonce == device.nonce,
                    "a sealed token answers one request",
                    || "one from before the restart opens".into(),
                )?;
                check(
                    *token == *g.backend.tickets[ticket].token,
                    "a sealed token opens as it was",
                    || "it changed".into(),
                )?;
                true
            }
            Err(error) => {
                g.coverage.note(format!("sealed token: {error:?}"));
                check(
                    recorded.nonce != device.nonce,
                    "a sealed token opens as it was",
                    || format!("{error}"),
                )?;
                false
            }
        };
        if opened {
            self.connect(g, ticket)?;
        }
        self.drain(g)
    }
}

fn context(client: usize, nonce: DeviceNonce) -> SealContext {
    SealContext {
        protocol_id: ProtocolId(PROTOCOL),
        device_id: DeviceId(client as u64),
        nonce,
    }
}
