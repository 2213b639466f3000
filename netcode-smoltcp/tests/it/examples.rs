//! The crate's example, run as a reader would run it.

use std::process::Command;

/// The program of an example, which cargo builds with the tests.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.ancestors().nth(2).unwrap();
    let program = profile
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "`cargo test` without `--test`, or `cargo build --examples`, builds {}",
        program.display()
    );
    Command::new(program)
}

#[test]
fn payloads_cross_two_interfaces_and_come_back() {
    let output = example("two_interfaces").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let said = |who: &str| -> Vec<_> {
        text.lines()
            .filter_map(|line| line.strip_prefix(who)?.strip_prefix(": "))
            .collect()
    };
    let client = said("client");
    let server = said("server");
    let readings: Vec<_> = server
        .iter()
        .filter(|line| line.starts_with("reading"))
        .collect();
    for reading in &readings[..3] {
        assert!(client.contains(&&*format!("{reading} came back")), "{text}");
    }
    assert!(client.contains(&"StateChanged(Connected)"), "{text}");
    assert!(server.last().unwrap().starts_with("Disconnected"), "{text}");
}
