//! Servers and clients of the command that a matchmaker refuses, or that do not trust it.

use tempfile::TempDir;

use crate::world::programs::{Site, write_secret};

#[test]
fn a_refused_server_says_why() {
    let site = Site::start(&["alice".into()], "--silent-after 3");
    write_secret(&site.folder.path().join("wrong.api"), "nck_wrong");
    for (api_key, name, said) in [
        (
            "eu",
            "us-1",
            "(403 forbidden): a server's key speaks for servers with its name",
        ),
        ("alice", "eu-1", "a server needs a key of role `server`"),
        ("wrong", "eu-1", "(401 unauthenticated)"),
    ] {
        let server = site.serve_as(api_key, name, "");
        let line = server.log.wait_for("no players are sent here");
        let message = line["message"].as_str().unwrap();
        assert!(message.contains(said), "{said}: {message}");
    }
}

#[test]
fn an_address_of_another_server_is_taken_until_that_one_is_silent() {
    let site = Site::start(&[], "--silent-after 3");
    let first = site.serve("eu-1", "");
    let words = format!("--advertise {}", first.address);
    let second = site.serve_as("eu", "eu-2", &words);
    let line = second.log.wait_for("no players are sent here");
    let message = line["message"].as_str().unwrap();
    let reason = "(409 address-in-use): server eu-1 is alive and has one of these addresses";
    assert!(message.contains(reason), "{message}");
    drop(first);
    second.log.wait_for("registered at the matchmaker");
}

#[test]
fn a_refused_client_says_why_and_does_not_ask_again() {
    let site = Site::start(&["alice".into()], "");
    write_secret(&site.folder.path().join("wrong.api"), "nck_wrong");
    let refusal = site.fail_to_play("wrong");
    assert!(refusal.contains("(401 unauthenticated)"), "{refusal}");
    assert!(refusal.contains("keys.toml"), "{refusal}");
    let refusal = site.fail_to_play("eu");
    assert!(refusal.contains("one of role `player`"), "{refusal}");
}

#[test]
fn a_certificate_is_trusted_by_the_authorities_of_the_system_alone() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(file("certificate.pem"), made.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let words = format!(
        "--tls-certificate {} --tls-key {}",
        file("certificate.pem").display(),
        file("key.pem").display()
    );
    let mut site = Site::start(&["alice".into()], &words);
    let refusal = site.fail_to_play("alice");
    assert!(refusal.contains("certificate is not trusted"), "{refusal}");
    site.authorities = Some(file("certificate.pem"));
    let refusal = site.fail_to_play("alice");
    assert!(refusal.contains("no-free-slot"), "{refusal}");
}
