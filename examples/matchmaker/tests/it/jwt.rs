//! JSON Web Tokens of an issuer whose keys are in a file or at a URL.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use matchmaker::identity::client_id_of;
use matchmaker::identity::{Caller, Identity, IdentityError, Jwt, JwtConfig, KeySource, Role};
use netcode_std::ClientId;
use rcgen::{KeyPair, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Setup, file_store, use_crypto};

const ISSUER: &str = "https://id.example";

struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    id: &'static str,
    public: Jwk,
}

impl Signer {
    fn ed25519(id: &'static str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key_raw());
        let public = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": id, "x": x});
        Self {
            key: EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).unwrap(),
            algorithm: Algorithm::EdDSA,
            id,
            public: serde_json::from_value(public).unwrap(),
        }
    }

    fn rsa(id: &'static str) -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
        public.common.key_id = Some(id.to_owned());
        Self {
            key,
            algorithm: Algorithm::RS256,
            id,
            public,
        }
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.to_owned());
        encode(&header, claims, &self.key).unwrap()
    }
}

fn set(signers: &[&Signer]) -> JwkSet {
    JwkSet {
        keys: signers.iter().map(|it| it.public.clone()).collect(),
    }
}

/// Claims of Alice, with changes; `null` removes a claim.
fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": "game", "sub": "alice", "exp": get_current_timestamp() + 60,
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn jwt(keys: KeySource, claim: Option<&str>) -> Jwt {
    use_crypto();
    let config = JwtConfig {
        issuer: ISSUER.to_owned(),
        audience: "game".to_owned(),
        keys,
        client_id_claim: claim.map(ToOwned::to_owned),
    };
    Jwt::new(config).unwrap()
}

fn file(folder: &TempDir, set: &JwkSet) -> KeySource {
    let path = folder.path().join("keys.json");
    std::fs::write(&path, serde_json::to_string(set).unwrap()).unwrap();
    KeySource::File(path)
}

async fn identify(jwt: &Jwt, token: &str) -> Result<Option<Caller>, IdentityError> {
    let mut headers = HeaderMap::new();
    let value = format!("Bearer {token}").parse().unwrap();
    headers.insert(header::AUTHORIZATION, value);
    jwt.identify(&headers).await
}

async fn is_refused(jwt: &Jwt, token: &str) -> bool {
    matches!(identify(jwt, token).await, Err(IdentityError::Refused))
}

#[tokio::test]
async fn a_token_signed_by_rs256_or_eddsa_names_its_player() {
    let folder = TempDir::new().unwrap();
    let (rsa, ed25519) = (Signer::rsa("r"), Signer::ed25519("e"));
    let jwt = jwt(file(&folder, &set(&[&rsa, &ed25519])), None);
    for signer in [&rsa, &ed25519] {
        let caller = identify(&jwt, &signer.sign(&claims(json!({})))).await;
        let role = caller.unwrap().unwrap().role;
        assert_eq!(role, Role::Player(client_id_of(ISSUER, "alice")));
    }
}

#[tokio::test]
async fn a_client_id_can_be_a_claim() {
    let folder = TempDir::new().unwrap();
    let signer = Signer::ed25519("e");
    let jwt = jwt(file(&folder, &set(&[&signer])), Some("player"));
    for (id, expected) in [
        (json!(7), Some(7)),
        (json!("18446744073709551615"), Some(u64::MAX)),
        (json!(-1), None),
        (json!("seven"), None),
        (Value::Null, None),
    ] {
        let caller = identify(&jwt, &signer.sign(&claims(json!({"player": id})))).await;
        let role = caller.ok().flatten().map(|it| it.role);
        assert_eq!(role, expected.map(|it| Role::Player(ClientId(it))), "{id}");
    }
}

#[tokio::test]
async fn a_token_that_is_expired_early_foreign_or_forged_is_refused() {
    let folder = TempDir::new().unwrap();
    let (signer, other) = (Signer::ed25519("e"), Signer::ed25519("e"));
    let jwt = jwt(file(&folder, &set(&[&signer])), None);
    let now = get_current_timestamp();
    for changes in [
        json!({"exp": now - 60}),
        json!({"exp": null}),
        json!({"nbf": now + 60}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": null}),
        json!({"aud": "other"}),
        json!({"aud": null}),
        json!({"sub": null}),
        json!({"sub": ""}),
    ] {
        assert!(
            is_refused(&jwt, &signer.sign(&claims(changes.clone()))).await,
            "{changes}"
        );
    }
    let good = signer.sign(&claims(json!({})));
    assert!(identify(&jwt, &good).await.is_ok());
    assert!(is_refused(&jwt, &other.sign(&claims(json!({})))).await);
    assert!(is_refused(&jwt, &good[..good.len() - 4]).await);
    assert!(is_refused(&jwt, "a.b.c").await);

    // Algorithms that an attacker would choose.
    let secret = EncodingKey::from_secret(b"public").unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("e".to_owned());
    let symmetric = encode(&header, &claims(json!({})), &secret).unwrap();
    assert!(is_refused(&jwt, &symmetric).await);
}

#[tokio::test]
async fn another_credential_is_left_to_other_identities() {
    let jwt = jwt(KeySource::File("none".into()), None);
    assert!(matches!(identify(&jwt, "nck_key").await, Ok(None)));
    assert!(matches!(jwt.identify(&HeaderMap::new()).await, Ok(None)));
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_no_refusal() {
    let folder = TempDir::new().unwrap();
    let signer = Signer::ed25519("e");
    let missing = KeySource::File(folder.path().join("none"));
    let caller = identify(&jwt(missing, None), &signer.sign(&claims(json!({})))).await;
    assert!(matches!(caller, Err(IdentityError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_at_a_url_are_read_once_and_stay_in_use_without_it() {
    let signer = Signer::ed25519("e");
    let keys = Arc::new(Mutex::new((0, Some(set(&[&signer])))));
    let answer = Arc::clone(&keys);
    let route = get(move || async move {
        let mut keys = answer.lock().unwrap();
        keys.0 += 1;
        keys.1
            .clone()
            .map(axum::Json)
            .ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let routes: Router = Router::new().route("/keys", route);
    let site = crate::world::site(listener, routes);

    let jwt = jwt(KeySource::Url(url), None);
    for _ in 0..3 {
        let caller = identify(&jwt, &signer.sign(&claims(json!({})))).await;
        assert!(caller.unwrap().is_some());
    }
    assert_eq!(keys.lock().unwrap().0, 1);
    // Unknown keys do not make it read again and again.
    for _ in 0..3 {
        assert!(is_refused(&jwt, &Signer::ed25519("x").sign(&claims(json!({})))).await);
    }
    assert_eq!(keys.lock().unwrap().0, 1);
    site.abort();
    assert!(
        identify(&jwt, &signer.sign(&claims(json!({}))))
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_with_a_json_web_token_gets_a_token() {
    let folder = TempDir::new().unwrap();
    let signer = Signer::ed25519("e");
    let mut setup = Setup::new(file_store(&folder));
    setup.identities = vec![Arc::new(jwt(file(&folder, &set(&[&signer])), None))];
    let world = setup.start().await;
    world.register("eu", ([127, 0, 0, 1], 1).into(), 1).await;
    let request = world.request("POST", "/v1/connect").json(&json!({}));
    let token = signer.sign(&claims(json!({})));
    let response = request.bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let body: BTreeMap<String, Value> = response.json().await.unwrap();
    let id = client_id_of(ISSUER, "alice").to_string();
    assert_eq!(body["clientId"], id);
}
