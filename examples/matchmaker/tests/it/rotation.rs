//! A change of the private key under load, with the files and the signals of an operator.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use netcode_std::{Client, RECEIVE_BUFFER_BYTES};
use serde_json::{Value, json};

use crate::world::programs::{Site, draw_key, netcode};
use crate::world::{PATIENCE, client, token};

const PLAYERS: usize = 4;
/// Sessions of a player in each phase of the rotation.
const SESSIONS: u64 = 50;

/// Sessions that each player has had, and the request to stop.
#[derive(Default)]
struct Load {
    sessions: [AtomicU64; PLAYERS],
    stop: AtomicBool,
}

impl Load {
    /// Waits until each player has had so many more sessions.
    fn go_on(&self) {
        let count = || {
            self.sessions
                .each_ref()
                .map(|it| it.load(Ordering::Relaxed))
        };
        let (before, end) = (count(), Instant::now() + PATIENCE);
        let enough = |now: [u64; PLAYERS]| {
            let each = now.iter().zip(before);
            each.clone().all(|(now, before)| *now >= before + SESSIONS)
        };
        while !enough(count()) {
            assert!(Instant::now() < end, "players do not get in");
            std::thread::yield_now();
        }
    }
}

/// Player, who asks for tokens.
struct Player {
    number: usize,
    url: String,
    api_key: String,
    http: reqwest::Client,
}

impl Player {
    fn new(site: &Site, number: usize) -> Self {
        Self {
            number,
            url: format!("{}/v1/connect", site.url),
            api_key: site.api_key(&format!("p{number}")),
            http: client(),
        }
    }

    /// Has one session after the other; each must be made at the first attempt.
    async fn play(self, load: &Load) {
        while !load.stop.load(Ordering::Relaxed) {
            connect(&self.ask().await);
            load.sessions[self.number].fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn ask(&self) -> Vec<u8> {
        let request = self.http.post(&self.url).bearer_auth(&self.api_key);
        let answer = request.json(&json!({})).send().await.unwrap();
        let answer = answer.error_for_status().unwrap();
        token(&answer.json::<Value>().await.unwrap())
    }
}

/// Connects with a token, and disconnects.
fn connect(token: &[u8]) {
    let mut client = Client::new().unwrap();
    client.connect(token).unwrap();
    let end = Instant::now() + PATIENCE;
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while !client.is_connected() {
        client.update(Instant::now()).unwrap();
        while client.next_event(&mut buffer).unwrap().is_some() {}
        assert!(client.state().is_active(), "refused: {}", client.state());
        assert!(Instant::now() < end, "no connection in time");
        client.wait(std::time::Duration::from_millis(5)).unwrap();
    }
    client.disconnect().unwrap();
    client.flush().unwrap();
}

/// `true` if a token was minted under the key in this file.
fn is_minted_under(site: &Site, token: &[u8], key: &str) -> bool {
    let file = site.folder.path().join("inspected.token");
    std::fs::write(&file, token).unwrap();
    let inspected = Command::new(netcode())
        .args(["token", "inspect"])
        .arg(&file)
        .arg("--key")
        .arg(site.folder.path().join(key))
        .output()
        .unwrap();
    inspected.status.success()
}

/// Puts a copy of a key in the place of another.
fn replace(folder: &Path, key: &str, by: &str) {
    std::fs::copy(folder.join(by), folder.join("copy")).unwrap();
    std::fs::rename(folder.join("copy"), folder.join(key)).unwrap();
}

#[test]
fn no_player_is_refused_while_the_private_key_is_changed() {
    let players: Vec<String> = (0..PLAYERS).map(|number| format!("p{number}")).collect();
    let limits = "--account-rate 1000000 --account-burst 1000000 --address-rate 1000000 \
                  --address-burst 1000000 --token-lifetime 5 --timeout 2";
    let site = Site::start(&players, limits);
    // Room for the tokens that each player uses up while they live.
    let server = site.serve("eu-1", "--max-clients 4096 --shared-address");
    let folder = site.folder.path();
    let (load, runtime) = (Load::default(), tokio::runtime::Runtime::new().unwrap());
    std::thread::scope(|scope| {
        for number in 0..PLAYERS {
            let player = Player::new(&site, number);
            scope.spawn(|| runtime.block_on(player.play(&load)));
        }
        // Ends the players, also if what follows panics.
        let _end = End(&load.stop);
        load.go_on();
        draw_key(folder, "new.key");
        replace(folder, "game.key", "new.key");
        server.program.signal("HUP");
        server
            .log
            .wait_for("key changed: the server opens tokens under the new key");
        load.go_on();
        std::fs::write(folder.join("backend.key"), "damaged").unwrap();
        site.matchmaker.signal("HUP");
        site.log.wait_for("nothing was reloaded: ");
        load.go_on();
        replace(folder, "backend.key", "new.key");
        site.matchmaker.signal("HUP");
        site.log
            .wait_for("key changed: tokens are minted under the new key");
        load.go_on();
    });
    let token = runtime.block_on(Player::new(&site, 0).ask());
    assert!(is_minted_under(&site, &token, "new.key"));
}

/// Request to stop, at the latest when a test panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
