//! A server of the core and its model, of one plan.

use netcode_core::address::AddressList;
use netcode_core::crypto::Key;
use netcode_core::server::{
    Capacity, PreviousKey, ReconnectRule, RestartRule, Server, ServerConfig, SourceLimit, Storage,
};
use netcode_core::{ProtocolId, UnixTime};

use crate::backend::PROTOCOL;
use crate::ground::Ground;
use crate::ledger::{Maker, Witness};
use crate::model::server::ServerModel;
use crate::model::tables::{Keys, Rules};
use crate::plan::{ServerPlan, internal_address, server_address};

pub(super) fn create(
    id: usize,
    plan: &ServerPlan,
    keys: Keys,
    g: &Ground,
) -> (Server<'static, Witness>, ServerModel) {
    let address = if plan.internal {
        internal_address(id)
    } else {
        server_address(id)
    };
    let addresses = AddressList::new(&[address]).unwrap_or_default();
    let refuse_older = plan.refuse_older.map(|seconds| RestartRule::RefuseOlder {
        max_token_lifetime: std::time::Duration::from_secs(seconds),
    });
    let mut config = ServerConfig::new(
        ProtocolId(PROTOCOL),
        Key::from_bytes(keys.current),
        addresses,
        plan.max_clients,
        refuse_older.unwrap_or(RestartRule::AdmitAgain),
    );
    config.previous_key = keys.previous.map(|(key, valid_until)| PreviousKey {
        key: Key::from_bytes(key),
        valid_until: UnixTime::from_secs(valid_until),
    });
    config.handshake_timeout = std::time::Duration::from_micros(plan.handshake);
    if plan.replace {
        config.reconnect_rule = ReconnectRule::ReplaceByNewerToken;
    }
    if !plan.host_limit {
        config.per_host = SourceLimit::Unlimited;
    }
    config.opens_per_second = plan.opens_per_second.and_then(std::num::NonZeroU32::new);
    let capacity = Capacity {
        clients: plan.max_clients as usize,
        half_open: plan.half_open,
        tokens: plan.tokens,
    };
    let maker = Maker::Server(id);
    let witness = Witness {
        ledger: g.ledger.clone(),
        maker,
    };
    let core = match Server::with_crypto(Storage::heap(capacity), config, witness) {
        Ok(core) => core,
        Err(error) => panic!("the plan's configuration is invalid: {error}"),
    };
    let rules = Rules {
        protocol_id: PROTOCOL,
        addresses: vec![address],
        max_clients: plan.max_clients as usize,
        half_open: plan.half_open,
        tokens: plan.tokens,
        handshake: plan.handshake,
        refuse_older: plan.refuse_older,
        replace: plan.replace,
        host_limit: plan.host_limit,
        opens_per_second: plan.opens_per_second.map(u64::from),
    };
    (core, ServerModel::new(rules, keys, maker))
}
