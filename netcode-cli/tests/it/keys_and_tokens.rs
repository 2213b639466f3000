//! Keys and tokens: the `netcode` command as a backend uses it.

use crate::command::{fail, folder, netcode, run, succeed};
use serde_json::{Value, json};

#[test]
fn without_arguments_it_shows_its_help_and_the_exit_codes() {
    let output = run(&folder("help"), "");
    let text = String::from_utf8_lossy(&output.stderr);
    for word in ["demo", "keygen", "token", "server", "client", "Exit codes"] {
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(
        succeed(&folder("help"), "help"),
        succeed(&folder("help"), "--help")
    );
}

#[test]
fn a_key_is_drawn_into_a_file_that_is_never_overwritten() {
    let folder = folder("keygen");
    let file = folder.join("game.key");
    let key = std::fs::read_to_string(&file).unwrap();
    assert_eq!(hex::decode(key.trim()).unwrap().len(), 32);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(fail(&folder, "keygen --out game.key", 1).contains("never overwritten"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), key);
    assert_ne!(succeed(&folder, "keygen"), succeed(&folder, "keygen"));
}

#[test]
fn a_token_shows_its_private_part_only_with_the_key() {
    let folder = folder("inspect");
    succeed(&folder, "keygen --out other.key");
    std::fs::write(folder.join("who"), "secret").unwrap();
    succeed(
        &folder,
        "token mint --key game.key --protocol-id 0x2a --client-id 7 --server 127.0.0.1:40000 \
         --server [::1]:40000 --internal 10.0.0.1:40000 --timeout -1 --user-data-file who \
         --out 7.token",
    );
    let public = succeed(&folder, "token inspect 7.token --json");
    let public: Value = serde_json::from_str(&public).unwrap();
    assert_eq!(public["protocol_id"], "42");
    assert_eq!(public["timeout_seconds"], -1);
    assert_eq!(public["servers"], json!(["127.0.0.1:40000", "[::1]:40000"]));
    assert_eq!(public["expired"], false);
    assert!(public.get("private").is_none());

    let opened = succeed(&folder, "token inspect 7.token --json --key game.key");
    let opened: Value = serde_json::from_str(&opened).unwrap();
    assert_eq!(opened["private"]["client_id"], "7");
    assert_eq!(opened["private"]["servers"], json!(["10.0.0.1:40000"]));
    assert_eq!(opened["private"]["session_keys_match"], true);

    let text = succeed(&folder, "token inspect 7.token --key game.key");
    assert!(text.contains("client id  7"), "{text}");
    assert!(text.contains("user data  secret"), "{text}");
    let refusal = fail(&folder, "token inspect 7.token --key other.key", 1);
    assert!(refusal.contains("not the key"), "{refusal}");
}

#[test]
fn a_token_can_travel_as_base64_and_the_key_in_the_environment() {
    let folder = folder("base64");
    let key = succeed(&folder, "keygen");
    let mint = "token mint --protocol-id 42 --client-id 7 --server 127.0.0.1:40000";
    let refusal = fail(&folder, mint, 1);
    assert!(refusal.contains("keygen"), "{refusal}");
    let minted = netcode(&folder)
        .args(mint.split_whitespace())
        .env("NETCODE_KEY", key.trim())
        .output()
        .unwrap();
    assert!(minted.status.success());
    std::fs::write(folder.join("7.txt"), &minted.stdout).unwrap();
    let shown = succeed(&folder, "token inspect 7.txt");
    assert!(shown.contains("protocol id  42"), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_token_s_file_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder("owner");
    crate::command::mint(&folder, 7, "127.0.0.1:40000");
    let metadata = std::fs::metadata(folder.join("7.token")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    // Unlike a key, a token makes way for the next.
    crate::command::mint(&folder, 7, "127.0.0.1:40001");
    let shown = succeed(&folder, "token inspect 7.token");
    assert!(shown.contains("127.0.0.1:40001"), "{shown}");
}

#[test]
fn a_malformed_key_or_token_is_refused_with_an_explanation() {
    let folder = folder("refusals");
    let refusal = fail(&folder, "token inspect missing.token", 1);
    assert!(refusal.contains("cannot read missing.token"), "{refusal}");
    std::fs::write(folder.join("bad.token"), [0; 100]).unwrap();
    let refusal = fail(&folder, "token inspect bad.token", 1);
    assert!(refusal.contains("2048 bytes"), "{refusal}");

    std::fs::write(folder.join("short.key"), "abcd").unwrap();
    let mint = "token mint --protocol-id 1 --client-id 1 --key";
    let refusal = fail(
        &folder,
        &format!("{mint} short.key --server 127.0.0.1:1"),
        1,
    );
    assert!(refusal.contains("64 hexadecimal digits"), "{refusal}");
    assert!(!refusal.contains("abcd"), "{refusal}");
    let refusal = fail(&folder, &format!("{mint} game.key --server nowhere"), 1);
    assert!(refusal.contains("is no address"), "{refusal}");
    for nowhere in ["127.0.0.1:0", "0.0.0.0:40000", "[::]:40000"] {
        let refusal = fail(&folder, &format!("{mint} game.key --server {nowhere}"), 1);
        assert!(refusal.contains("no client can dial"), "{refusal}");
    }
    let refusal = fail(&folder, &format!("{mint} none.key --server 127.0.0.1:1"), 1);
    assert!(
        refusal.contains("none.key") && refusal.contains("keygen"),
        "{refusal}"
    );
}

#[test]
fn a_server_must_be_given_a_restart_rule() {
    let folder = folder("restart-rule");
    let refusal = fail(&folder, "server --protocol-id 1", 2);
    assert!(
        refusal.contains("--max-token-lifetime <SECONDS|off>"),
        "{refusal}"
    );
}

#[test]
fn numbers_out_of_range_are_not_understood() {
    let folder = folder("usage");
    for words in [
        "demo --payload 1201",
        "demo --loss 101",
        "demo --clients 0",
        "demo --seconds 0",
        "demo --latency 1e300",
        "client 7.token --count 3",
        "client 7.token --send hi --rate 1e-300",
        "server --protocol-id 1 --max-token-lifetime off --for 1e18",
        "server --protocol-id 1 --max-token-lifetime off --max-clients 0",
        "server --protocol-id 1 --max-token-lifetime off --max-clients 99999999999",
        "server --protocol-id 1 --max-token-lifetime off --opens-per-second 0",
        "server --protocol-id 1 --max-token-lifetime 0",
        "server --protocol-id 1 --max-token-lifetime never",
    ] {
        let refusal = fail(&folder, words, 2);
        assert!(!refusal.contains("panicked"), "{refusal}");
    }
    for payload in [String::new(), "x".repeat(1201)] {
        let mut client = netcode(&folder);
        let refused = client
            .args(["client", "7.token", "--send", &payload])
            .output();
        assert_eq!(refused.unwrap().status.code(), Some(2));
    }
    let refusal = fail(&folder, "client - --stdin", 1);
    assert!(refusal.contains("both"), "{refusal}");
}

#[test]
fn a_token_sealed_to_a_device_opens_with_its_key_alone() {
    let folder = folder("sealed");
    let device = succeed(&folder, "keygen --x25519 --out device.key");
    let sealer = succeed(&folder, "keygen --x25519 --out sealer.key");
    let (device, sealer) = (device.trim(), sealer.trim());
    let nonce = "00112233445566778899aabbccddeeff";
    succeed(
        &folder,
        "token mint --key game.key --protocol-id 42 --client-id 7 --server 127.0.0.1:40000 \
         --out 7.token",
    );
    succeed(
        &folder,
        &format!(
            "token seal 7.token --sealer-key sealer.key --device {device} --protocol-id 42 \
             --device-id 9 --nonce {nonce} --out 7.sealed"
        ),
    );
    let open = format!("token open 7.sealed --sealer {sealer} --protocol-id 42 --out 7.opened");
    let unasked = format!("{open} --device-key device.key --device-id 9");
    let refusal = fail(&folder, &unasked, 1);
    assert!(refusal.contains("request"), "{refusal}");
    let open = format!("{open} --nonce {nonce}");
    succeed(
        &folder,
        &format!("{open} --device-key device.key --device-id 9"),
    );
    let read = |name| std::fs::read(folder.join(name)).unwrap();
    assert_eq!(read("7.token"), read("7.opened"));
    for other in [
        "--device-key device.key --device-id 8",
        "--device-key sealer.key --device-id 9",
    ] {
        let refusal = fail(&folder, &format!("{open} {other}"), 1);
        assert!(refusal.contains("another device"), "{refusal}");
    }
    fail(&folder, "keygen --x25519", 2);
}

#[cfg(unix)]
#[test]
fn a_token_takes_the_place_of_a_file_that_others_can_read_and_of_a_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let folder = folder("readable");
    let file = |name: &str| folder.join(name);
    std::fs::write(file("7.token"), "old").unwrap();
    std::fs::set_permissions(file("7.token"), PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(file("elsewhere"), "untouched").unwrap();
    symlink(file("elsewhere"), file("8.token")).unwrap();
    for id in [7, 8] {
        crate::command::mint(&folder, id, "127.0.0.1:40000");
        let token = std::fs::symlink_metadata(file(&format!("{id}.token"))).unwrap();
        assert_eq!((token.is_file(), token.len()), (true, 2048));
        assert_eq!(token.permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::read(file("elsewhere")).unwrap(), b"untouched");
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_named_with_what_to_do() {
    let folder = folder("readable-key");
    let key = folder.join("game.key");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let mint = "token mint --key game.key --protocol-id 42 --client-id 7 --server 127.0.0.1:1";
    let output = netcode(&folder).args(mint.split(' ')).output().unwrap();
    assert!(output.status.success());
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(
        warning.contains("game.key") && warning.contains("chmod 600"),
        "{warning}"
    );
}

#[test]
fn user_data_can_come_from_standard_input_and_never_stands_on_a_command_line() {
    use std::io::Write as _;
    use std::process::Stdio;

    let folder = folder("user-data");
    let mint = "token mint --key game.key --protocol-id 42 --client-id 7 --server 127.0.0.1:1 \
                --user-data-file - --out 7.token";
    let mut minting = netcode(&folder)
        .args(mint.split_whitespace())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    minting.stdin.take().unwrap().write_all(b"who").unwrap();
    assert!(minting.wait().unwrap().success());
    let inspected = succeed(&folder, "token inspect 7.token --key game.key --json");
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    assert!(
        inspected["private"]["user_data"]
            .as_str()
            .unwrap()
            .starts_with("776")
    );
    fail(&folder, "token mint --user-data who", 2);
}

#[test]
fn a_raw_key_file_is_refused_with_what_to_do() {
    let folder = folder("raw-key");
    std::fs::write(folder.join("raw.key"), [0xff; 32]).unwrap();
    let mint = "token mint --key raw.key --protocol-id 42 --client-id 7 --server 127.0.0.1:1";
    let refusal = fail(&folder, mint, 1);
    assert!(
        refusal.contains("64 hexadecimal digits") && refusal.contains("xxd"),
        "{refusal}"
    );
}

#[test]
fn a_dash_is_standard_output() {
    let folder = folder("dash");
    assert_eq!(succeed(&folder, "keygen --out -").trim().len(), 64);
    let mint = "token mint --key game.key --protocol-id 42 --client-id 7 --server 127.0.0.1:1";
    let token = succeed(&folder, &format!("{mint} --out -"));
    std::fs::write(folder.join("7.txt"), token).unwrap();
    assert!(succeed(&folder, "token inspect 7.txt").contains("127.0.0.1:1"));
    assert!(!folder.join("-").exists());
    // Two keys on one output could be taken for each other.
    let refusal = fail(&folder, "keygen --x25519 --out -", 1);
    assert!(refusal.contains("name a file"), "{refusal}");
}

#[test]
fn an_address_without_a_port_is_refused_with_an_example() {
    let folder = folder("port");
    let server = "server --key game.key --protocol-id 42 --max-token-lifetime off";
    let refusal = fail(&folder, &format!("{server} --bind 127.0.0.1"), 2);
    assert!(refusal.contains("127.0.0.1:40000"), "{refusal}");
    let refusal = fail(&folder, "client 7.token --bind ::", 2);
    assert!(refusal.contains("[::]:40000"), "{refusal}");
    let mint = "token mint --key game.key --protocol-id 42 --client-id 7 --server";
    for (host, example) in [
        ("10.0.0.1", "10.0.0.1:40000"),
        ("::1", "[::1]:40000"),
        ("game.example", "game.example:40000"),
    ] {
        let refusal = fail(&folder, &format!("{mint} {host}"), 1);
        assert!(
            refusal.contains("port is missing") && refusal.contains(example),
            "{refusal}"
        );
    }
}

#[test]
fn a_token_shows_dates_and_its_numbers_are_strings_in_json() {
    let folder = folder("dates");
    let most = u64::MAX.to_string();
    let mint = "token mint --key game.key --server 127.0.0.1:1 --out 7.token";
    succeed(
        &folder,
        &format!("{mint} --protocol-id {most} --client-id {most} --expires-in 3600"),
    );
    let text = succeed(&folder, "token inspect 7.token");
    let expires = text.lines().find(|line| line.starts_with("expires"));
    let expires = expires.unwrap();
    assert!(
        expires.contains("Z (") && expires.contains(", in "),
        "{text}"
    );
    let json = succeed(&folder, "token inspect 7.token --key game.key --json");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["protocol_id"], most);
    assert_eq!(json["private"]["client_id"], most);
    assert!(json["expires_date"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_file_that_is_no_token_is_no_connection_whatever_its_length() {
    let folder = folder("garbage");
    for len in [0, 100, 2048, 5000] {
        std::fs::write(folder.join("bad.token"), vec![7; len]).unwrap();
        let refusal = fail(&folder, "client bad.token", 3);
        assert!(refusal.contains("token"), "{refusal}");
        fail(&folder, "token inspect bad.token", 1);
    }
    fail(&folder, "client missing.token", 1);
}

#[test]
fn options_that_need_another_say_so() {
    let folder = folder("needs");
    let server = "server --key game.key --protocol-id 42 --max-token-lifetime off";
    for (words, needed) in [
        ("client 7.token --count 3", "--send"),
        ("client 7.token --rate 3", "--send"),
        ("client 7.token --linger 3", "--stdin"),
        ("client 7.token --seed 3", "--loss"),
        ("demo --seed 3", "--latency"),
        ("keygen --x25519", "--out"),
        ("conform client --command x --patience 3", "--command"),
        (
            "server --protocol-id 42 --max-token-lifetime off --key-overlap 3",
            "--key",
        ),
        (&format!("{server} --seed 3"), "--jitter"),
        (
            &format!("{server} --metrics-on-all-interfaces"),
            "--metrics",
        ),
    ] {
        let refusal = fail(&folder, words, 2);
        assert!(refusal.contains(needed), "{words}: {refusal}");
    }
}

#[test]
fn the_command_prints_its_completions_and_its_manual() {
    let folder = folder("manual");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = succeed(&folder, &format!("completions {shell}"));
        assert!(script.contains("max-token-lifetime"), "{shell}");
    }
    let page = succeed(&folder, "man");
    assert!(page.contains(".TH netcode 1"), "{page}");
    succeed(&folder, "man --out .");
    let page = std::fs::read_to_string(folder.join("netcode-server.1")).unwrap();
    assert!(page.contains("max"), "{page}");
}
