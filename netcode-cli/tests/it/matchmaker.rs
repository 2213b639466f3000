//! A server and a client whose matchmaker is not there, or is none. Those of a matchmaker that works
//! are in `examples/matchmaker`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::command::{SERVER, Server, fail, folder, get, netcode, succeed};

/// Service that gives one answer to every request.
struct Service {
    address: SocketAddr,
    answer: Arc<Mutex<String>>,
}

impl Service {
    fn start(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = Self {
            address: listener.local_addr().unwrap(),
            answer: Arc::new(Mutex::new(answer.to_owned())),
        };
        let answer = Arc::clone(&service.answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                read_request(&mut stream);
                let answer = answer.lock().unwrap().clone();
                if answer == SILENCE {
                    // Until the other side gives up.
                    let _ = stream.read(&mut [0; 1]);
                }
                // A client may have heard enough.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        service
    }

    fn set(&self, answer: &str) {
        *self.answer.lock().unwrap() = answer.to_owned();
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

const SILENCE: &str = "";

/// Reads a request with its body.
fn read_request(stream: &mut TcpStream) {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(request).unwrap().to_lowercase();
    assert!(head.contains("authorization: bearer nck_test"), "{head}");
    let length = head.split("content-length: ").nth(1).unwrap();
    let length = length.split("\r\n").next().unwrap().parse().unwrap();
    let _ = stream.read_exact(&mut vec![0; length]);
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

fn accepted() -> String {
    answer("200 OK", "", "{\"reserved\": 0, \"nextWithinSeconds\": 1}")
}

/// Answers that no matchmaker gives, and what is said about them.
fn others() -> Vec<(String, &'static str)> {
    let huge = format!("{{\"token\": \"{}\"}}", "x".repeat(100_000));
    let head = format!("X-Long: {}\r\n", "x".repeat(100_000));
    vec![
        (answer("200 OK", "", "<html>"), "no JSON object"),
        (answer("200 OK", "", "[]"), "no JSON object"),
        (answer("200 OK", "", &huge), "more than 65536 bytes"),
        (answer("200 OK", &head, "{}"), "a head of more than"),
        ("SSH-2.0-x\r\n\r\n".to_owned(), "not a matchmaker's"),
        (
            answer("308 Moved", "Location: https://other.example/\r\n", ""),
            "a redirect to `https://other.example/`, where the API key is not sent",
        ),
        (
            answer("404 Not Found", "", "nginx"),
            "refuses (404); compare --matchmaker",
        ),
    ]
}

fn member(service: &str) -> String {
    format!("--matchmaker {service} --server-name eu-1 --api-key api.key")
}

fn with_api_key(name: &str) -> std::path::PathBuf {
    let folder = folder(name);
    // With the mode of a key file.
    succeed(&folder, "keygen --out api.key");
    std::fs::write(folder.join("api.key"), "nck_test\n").unwrap();
    folder
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_client_names_what_is_wrong_with_an_answer_and_does_not_ask_again() {
    let folder = with_api_key("strange-answers");
    let service = Service::start(SILENCE);
    let no_token = answer("200 OK", "", "{\"token\": \"AAAA\"}");
    for (answer, said) in others().into_iter().chain([(no_token, "no connect token")]) {
        service.set(&answer);
        let words = format!("client --matchmaker {} --api-key api.key", service.url());
        let refusal = fail(&folder, &words, 3);
        assert!(refusal.contains(said), "{said}: {refusal}");
        assert_eq!(refusal.lines().count(), 1, "{refusal}");
    }
}

#[test]
fn a_client_gives_up_once_its_time_for_attempts_is_over() {
    let folder = with_api_key("no-matchmaker");
    let service = Service::start(SILENCE);
    let busy = "{\"code\": \"no-free-slot\", \"detail\": \"no server has a free slot\"}";
    let busy = answer("503 Service Unavailable", "Retry-After: 1\r\n", busy);
    let ask = |url: &str, patience: &str| {
        let words = format!(
            "client --matchmaker {url} --api-key api.key --matchmaker-timeout 0.2 --retry-for \
             {patience}"
        );
        fail(&folder, &words, 3)
    };
    let refusal = ask(&nobody(), "0.6");
    assert!(refusal.contains("cannot be reached: "), "{refusal}");
    assert!(refusal.contains("; trying again in 0."), "{refusal}");
    assert!(ask(&service.url(), "0").contains("no answer in time"));
    service.set(&busy);
    let refusal = ask(&service.url(), "0");
    assert_eq!(
        refusal,
        "netcode: the matchmaker refuses (503 no-free-slot): no server has a free slot\n"
    );
    // The matchmaker asks for a second.
    let refusal = ask(&service.url(), "3");
    assert!(refusal.contains("; trying again in 1."), "{refusal}");
}

#[test]
fn the_log_has_a_line_for_each_change_and_readiness_begins_with_the_first_heartbeat() {
    let folder = with_api_key("heartbeats");
    let service = Service::start(SILENCE);
    let words = format!(
        "{} --metrics 127.0.0.1:0 --matchmaker-timeout 0.3",
        member(&service.url())
    );
    let mut server = Server::start(&folder, &words);
    let address = server.wait_for("metrics at")["address"].clone();
    let ready = || get(address.as_str().unwrap(), "/readyz");
    let expect = |server: &mut Server, said: &str| {
        let line = server.event();
        let message = line["message"].as_str().unwrap();
        assert!(message.contains(said), "{said}: {message}");
    };
    expect(&mut server, "no answer in time");
    assert!(ready().ends_with("starting\n"), "{}", ready());
    service.set(&answer("200 OK", "", "{}"));
    expect(&mut server, "no `nextWithinSeconds`");
    let refused = answer(
        "409 Conflict",
        "",
        "{\"code\": \"address-in-use\", \"detail\": \"x\"}",
    );
    service.set(&refused);
    expect(&mut server, "(409 address-in-use): x; end the other server");
    service.set(&accepted());
    expect(&mut server, "registered at the matchmaker");
    while !ready().ends_with("ready\n") {}
    service.set(&answer("502 Bad Gateway", "", ""));
    expect(
        &mut server,
        "no players are sent here: the matchmaker refuses (502)",
    );
    assert!(ready().ends_with("ready\n"), "{}", ready());
    // The next one that fails for this reason has no line. One was refused before.
    let refused = || {
        let page = get(address.as_str().unwrap(), "/metrics");
        let mut counts = page.split("netcode_server_heartbeats_total{outcome=\"refused\"} ");
        let count = counts.nth(1).unwrap().lines().next().unwrap();
        count.parse::<u64>().unwrap()
    };
    while refused() < 3 {}
    service.set(&accepted());
    expect(&mut server, "accepts heartbeats again");
}

#[cfg(unix)]
#[test]
fn a_matchmaker_that_does_not_answer_delays_neither_the_game_nor_the_end_for_long() {
    let folder = with_api_key("silent-matchmaker");
    let service = Service::start(SILENCE);
    let words = format!("{} --matchmaker-timeout 1", member(&service.url()));
    let mut server = Server::start(&folder, &words);
    server.mint(&folder, 7);
    let words = "client 7.token --send hello --count 20 --rate 100";
    assert_eq!(succeed(&folder, words), "hello\n".repeat(20));
    server.signal("TERM");
    server.wait_for("server stopped");
    assert!(server.wait());
}

#[test]
fn options_that_show_a_key_or_lack_a_name_are_refused() {
    let folder = with_api_key("matchmaker-options");
    let http = "--matchmaker http://192.0.2.1:8080";
    for (words, code, said) in [
        (
            format!("client {http} --api-key api.key"),
            1,
            "--matchmaker-plain-http",
        ),
        (
            "client --matchmaker ftp://x --api-key api.key".into(),
            2,
            "write https://HOST",
        ),
        (
            "client --matchmaker https://127.0.0.1".into(),
            1,
            "no API key",
        ),
        (
            "client --matchmaker https://127.0.0.1 --api-key none.key".into(),
            1,
            "none.key",
        ),
        (
            format!("{SERVER} --matchmaker https://x --api-key api.key"),
            1,
            "--server-name",
        ),
        (format!("{SERVER} --server-name eu-1"), 2, "--matchmaker"),
        (
            format!(
                "{SERVER} {} --advertise [::1]:1 --advertise [::1]:2",
                member("https://x")
            ),
            1,
            "--advertise has 2 addresses",
        ),
    ] {
        let refusal = fail(&folder, &words, code);
        assert!(refusal.contains(said), "{words}: {refusal}");
    }
    std::fs::write(folder.join("two.key"), "nck_1\nnck_2\n").unwrap();
    let refusal = fail(
        &folder,
        "client --matchmaker https://x --api-key two.key",
        1,
    );
    assert!(refusal.contains("not one line"), "{refusal}");
}

#[test]
fn a_token_file_is_used_even_if_the_environment_names_a_matchmaker() {
    let folder = folder("file-first");
    let server = Server::start(&folder, "");
    server.mint(&folder, 7);
    let output = netcode(&folder)
        .args(["client", "7.token", "--send", "hello"])
        .env("NETCODE_MATCHMAKER", nobody())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "hello\n");
}
