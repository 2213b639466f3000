//! The site's own accounts: sign up, sign in, play, sign out; and what other sites cannot do.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use matchmaker::api::Code;
use matchmaker::identity::Accounts;
use matchmaker::store::FileStore;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Setup, World, file_store};

const PASSWORD: &str = "correct horse";

/// A request as a page of the site sends it.
fn page(world: &World, method: &str, path: &str) -> RequestBuilder {
    let request = world.request(method, path);
    request.header("sec-fetch-site", "same-origin")
}

fn sign_up(world: &World, name: &str, password: &str) -> RequestBuilder {
    page(world, "POST", "/v1/account").json(&json!({"name": name, "password": password}))
}

fn sign_in(world: &World, name: &str, password: &str) -> RequestBuilder {
    page(world, "POST", "/v1/session").json(&json!({"name": name, "password": password}))
}

/// Cookie of a session that an answer opens.
async fn session(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-session="));
    assert_eq!(
        attributes,
        "Path=/; Max-Age=604800; Secure; HttpOnly; SameSite=Strict"
    );
    pair.to_owned()
}

async fn code(request: RequestBuilder, status: u16) -> String {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status);
    let problem: Value = response.json().await.unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

fn play(world: &World, cookie: &str) -> RequestBuilder {
    let request = page(world, "POST", "/v1/connect").json(&json!({}));
    request.header("cookie", cookie)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_signs_up_plays_signs_out_and_comes_back_as_the_same_client() {
    let world = World::with_file().await;
    world.register("eu", ([127, 0, 0, 1], 1).into(), 4).await;
    let cookie = session(sign_up(&world, "alice", PASSWORD)).await;
    let who = page(&world, "GET", "/v1/session").header("cookie", &cookie);
    let who: Value = who.send().await.unwrap().json().await.unwrap();
    assert_eq!(who, json!({"name": "alice"}));
    let nobody = page(&world, "GET", "/v1/session").send().await.unwrap();
    assert_eq!(nobody.json::<Value>().await.unwrap(), json!({}));
    let client = async |cookie: &str| {
        let body: Value = play(&world, cookie)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        body["clientId"].as_str().unwrap().to_owned()
    };
    let first = client(&cookie).await;

    let out = page(&world, "DELETE", "/v1/session").header("cookie", &cookie);
    let out = out.send().await.unwrap();
    assert_eq!(out.status(), 204);
    assert!(
        out.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(code(play(&world, &cookie), 401).await, "unauthenticated");

    let cookie = session(sign_in(&world, "alice", PASSWORD)).await;
    assert_eq!(client(&cookie).await, first);
    let other = session(sign_up(&world, "bob", PASSWORD)).await;
    assert_ne!(client(&other).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_and_a_wrong_password_are_refused_alike() {
    let world = World::with_file().await;
    session(sign_up(&world, "alice", PASSWORD)).await;
    let body = async |name, password| {
        let response = sign_in(&world, name, password).send().await.unwrap();
        assert_eq!(response.status(), 401);
        response.text().await.unwrap()
    };
    let wrong = body("alice", "correct house").await;
    assert_eq!(body("nobody", PASSWORD).await, wrong);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_409_and_a_malformed_one_400() {
    let world = World::with_file().await;
    session(sign_up(&world, "alice", PASSWORD)).await;
    assert_eq!(
        code(sign_up(&world, "alice", "another one"), 409).await,
        "name-taken"
    );
    session(sign_in(&world, "alice", PASSWORD)).await;
    for (name, password) in [
        ("al", PASSWORD),
        ("Alice", PASSWORD),
        ("alice bob", PASSWORD),
        ("carol", "too short"),
        ("carol", &"x".repeat(129)),
    ] {
        assert_eq!(
            code(sign_up(&world, name, password), 400).await,
            "invalid-request"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_can_do_nothing_in_a_player_s_name() {
    let world = World::with_file().await;
    world.register("eu", ([127, 0, 0, 1], 1).into(), 4).await;
    let cookie = session(sign_up(&world, "alice", PASSWORD)).await;
    let host = world.url.strip_prefix("http://").unwrap();
    let from = |headers: &[(&str, &str)]| {
        let mut request = world.request("POST", "/v1/connect").json(&json!({}));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.header("cookie", &cookie)
    };
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", &world.url), ("sec-fetch-site", "same-site")],
    ] {
        assert_eq!(
            code(from(headers), 401).await,
            "unauthenticated",
            "{headers:?}"
        );
    }
    // A browser without the newer header.
    let old = from(&[("origin", &format!("http://{host}"))]);
    assert_eq!(old.send().await.unwrap().status(), 200);

    // Nor sign a visitor in to its own account, or out.
    let body = json!({"name": "alice", "password": PASSWORD});
    for method in ["POST", "DELETE"] {
        let request = world.request(method, "/v1/session").json(&body);
        assert_eq!(code(request, 403).await, "forbidden");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passwords_of_one_account_can_be_guessed_at_a_limited_rate() {
    let folder = TempDir::new().unwrap();
    let mut setup = Setup::new(file_store(&folder));
    setup.account_burst = 3;
    let world = setup.start().await;
    for _ in 0..3 {
        assert_eq!(
            code(sign_in(&world, "alice", PASSWORD), 401).await,
            "unauthenticated"
        );
    }
    assert_eq!(
        code(sign_in(&world, "alice", PASSWORD), 429).await,
        "too-many-requests"
    );
    assert_eq!(
        code(sign_in(&world, "bob", PASSWORD), 401).await,
        "unauthenticated"
    );
}

#[test]
fn a_password_keeps_its_place_until_it_is_hashed_though_its_sender_hangs_up() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let folder = TempDir::new().unwrap();
    let store = FileStore::open(&folder.path().join("state")).unwrap();
    let accounts = Accounts::new(Arc::new(store)).unwrap();
    let _entered = runtime.enter();
    // The one thread that hashes is busy until this is dropped.
    let (busy, ends) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || ends.recv());
    let refused = (0..32).find_map(|number| {
        let name = format!("player-{number}");
        let signing = pin!(accounts.sign_up(&name, PASSWORD.to_owned()));
        match signing.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(answer) => Some((number, answer.err().unwrap().code)),
        }
    });
    assert_eq!(refused, Some((4, Code::Unavailable)));
    drop(busy);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_holds_no_password_and_no_session() {
    let folder = TempDir::new().unwrap();
    let world = Setup::new(file_store(&folder)).start().await;
    let cookie = session(sign_up(&world, "alice", PASSWORD)).await;
    let (_, token) = cookie.split_once('=').unwrap();
    let state = std::fs::read(folder.path().join("state")).unwrap();
    let has = |text: &str| state.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(has("$argon2id$"));
    assert!(!has(PASSWORD) && !has(token));
}
