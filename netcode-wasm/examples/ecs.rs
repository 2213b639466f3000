//! Client in an entity-component system, whose components have to be `Send` and `Sync`.
//!
//! A [`Client`] is neither, since it contains objects of the browser, which belong to the thread that
//! made them. [`SendWrapper`] is both: another thread that uses or drops its content panics. A game
//! in a page has one thread, on which its systems run.
//!
//! The systems below are `hecs`'s, an ordinary function each. In Bevy the same struct derives
//! `Component` or `Resource`.

use hecs::{Entity, World};
use netcode_wasm::{Client, ConnectError, Event, Options, SendError};
use send_wrapper::SendWrapper;

/// Connection of this player to a server.
pub struct Connection {
    client: SendWrapper<Client>,
}

/// Messages from the server, to be read by other systems in the same frame.
#[derive(Default)]
pub struct Inbox {
    /// Payloads, in the order in which they arrived.
    pub payloads: Vec<Box<[u8]>>,
    /// Text for the player; the last one stays.
    pub notice: String,
}

/// Begins to connect, once the backend has given this player a token.
///
/// # Errors
/// See [`ConnectError`].
pub fn connect(world: &mut World, token: &[u8], options: &Options) -> Result<(), ConnectError> {
    let client = SendWrapper::new(Client::connect(token, options)?);
    world.spawn((Connection { client }, Inbox::default()));
    Ok(())
}

/// System that takes what happened since the last frame.
pub fn receive(world: &mut World) {
    for (connection, inbox) in world.query_mut::<(&mut Connection, &mut Inbox)>() {
        inbox.payloads.clear();
        while let Some(event) = connection.client.next_event() {
            match event {
                Event::Payload { payload, .. } => inbox.payloads.push(payload),
                Event::StateChanged(state) => inbox.notice = state.to_string(),
                Event::TransportFailed(failure) => inbox.notice = failure.to_string(),
                _ => {}
            }
        }
    }
}

/// System that sends the player's input.
///
/// # Errors
/// See [`SendError`].
pub fn send(world: &mut World, input: &[u8]) -> Result<(), SendError> {
    for connection in world.query_mut::<&mut Connection>() {
        connection.client.send(input)?;
    }
    Ok(())
}

/// System that removes connections that have ended. Dropping a client disconnects it.
pub fn remove_ended(world: &mut World) {
    let mut ended = Vec::new();
    for (entity, connection) in world.query_mut::<(Entity, &Connection)>() {
        if !connection.client.state().is_active() {
            ended.push(entity);
        }
    }
    for entity in ended {
        // It is in the world: nothing else has run since.
        let _ = world.despawn(entity);
    }
}

/// Of no use outside of a browser, where the engine calls the systems each frame.
fn main() {}
