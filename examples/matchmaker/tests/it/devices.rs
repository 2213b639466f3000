//! Sealed tokens for devices.

use matchmaker::identity::Credentials;
use netcode_std::core::sealed::{
    DeviceId, DeviceNonce, DeviceSecret, SEALED_TOKEN_BYTES, SealContext, open_token,
};
use netcode_std::core::token::PublicToken;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{PROTOCOL_ID, Setup, World, file_store, sealer};

const NONCE: [u8; 16] = [5; 16];

fn secret() -> DeviceSecret {
    DeviceSecret::from_bytes([3; 32])
}

async fn world(folder: &TempDir) -> World {
    let public = hex::encode(secret().public().as_bytes());
    let devices = format!("[[device]]\nid = 12\npublic_key = \"{public}\"");
    let mut setup = Setup::new(file_store(folder));
    setup.devices = Credentials::parse(&devices).unwrap().devices;
    let world = setup.start().await;
    world
        .register("eu", "127.0.0.1:40000".parse().unwrap(), 1)
        .await;
    world
}

fn request(id: &str) -> Value {
    json!({
        "deviceId": id,
        "publicKey": hex::encode(secret().public().as_bytes()),
        "nonce": hex::encode(NONCE),
    })
}

async fn ask(world: &World, body: &Value) -> reqwest::Response {
    let request = world.request("POST", "/v1/device/connect").json(body);
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_device_opens_its_token_with_its_nonce_alone() {
    let folder = TempDir::new().unwrap();
    let world = world(&folder).await;
    let response = ask(&world, &request("12")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "application/octet-stream"
    );
    let message = response.bytes().await.unwrap().to_vec();
    assert_eq!(message.len(), SEALED_TOKEN_BYTES);

    let context = |nonce| SealContext {
        protocol_id: PROTOCOL_ID,
        device_id: DeviceId(12),
        nonce: DeviceNonce::from_bytes(nonce),
    };
    let mut opened = message.clone();
    let token = open_token(&context(NONCE), &secret(), &sealer().public(), &mut opened);
    let token = PublicToken::parse(token.unwrap()).unwrap();
    assert!(
        token
            .addresses
            .iter()
            .eq(["127.0.0.1:40000".parse().unwrap()])
    );
    let mut again = message;
    let other = open_token(&context([6; 16]), &secret(), &sealer().public(), &mut again);
    assert!(other.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_not_registered_with_its_key_is_refused() {
    let folder = TempDir::new().unwrap();
    let world = world(&folder).await;
    let mut other_key = request("12");
    other_key["publicKey"] = "00".repeat(32).into();
    for body in [request("13"), other_key] {
        let response = ask(&world, &body).await;
        assert_eq!(response.status(), 404);
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], "unknown-device");
    }
    assert_eq!(world.servers().await["servers"][0]["free"], 1);
}
