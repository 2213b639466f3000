//! Log lines, by option and by environment variable.

use serde_json::Value;

use crate::program::{command, log_of};

#[test]
fn text_lines_have_a_utc_timestamp_a_level_and_fields_and_no_colour_in_a_pipe() {
    let lines = log_of(&mut command(""));
    let first = lines.first().unwrap();
    let (time, rest) = first.split_once(' ').unwrap();
    assert!(time.ends_with('Z') && time.contains('T'), "{first}");
    let fields = " INFO connected client_id=18446744073709551615 slot=3";
    assert_eq!(rest, fields);
}

#[test]
fn the_program_and_our_crates_speak_at_the_level_and_other_crates_from_errors_up() {
    let messages = |words: &str| {
        let lines = log_of(&mut command(words));
        let has = |message: &str| lines.iter().any(|line| line.ends_with(message));
        [
            has("slot=3"),
            has("details"),
            has("another crate's line"),
            has("another crate's warning"),
            has("another crate's error"),
            has("a crate of ours"),
        ]
    };
    assert_eq!(messages(""), [true, false, false, false, true, true]);
    assert_eq!(messages("-v"), [true, true, false, false, true, true]);
    assert_eq!(messages("-q"), [false, false, false, false, true, false]);
    assert_eq!(messages("-qqq"), [false; 6]);
    let parts = "--log warn,elsewhere=info,netcode_std=info";
    assert_eq!(messages(parts), [false, false, true, true, true, true]);
}

#[test]
fn json_lines_are_objects_whose_ids_are_strings() {
    for words in ["--log-format json", ""] {
        let mut program = command(words);
        if words.is_empty() {
            program.env("NETCODE_LOG_FORMAT", "json");
        }
        let lines = log_of(&mut program);
        let first: Value = serde_json::from_str(lines.first().unwrap()).unwrap();
        let field = |name: &str| first.get(name).unwrap();
        assert_eq!(field("message"), "connected");
        assert_eq!(field("client_id"), "18446744073709551615");
        assert_eq!(field("slot"), 3);
        assert_eq!(field("level"), "INFO");
        assert_eq!(field("target"), "it::program");
        assert!(field("timestamp").as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn the_environment_gives_a_level_and_the_command_line_has_precedence() {
    let of = |words: &str, level: &str| log_of(command(words).env("NETCODE_LOG", level)).len();
    assert_eq!(of("", "off"), 0);
    assert!(of("", "debug") > of("", "info"));
    assert_eq!(of("--log off", "debug"), 0);
    let refused = command("").env("NETCODE_LOG", "loud").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}
