//! Bodies of the right form, with values that are mostly accepted.

use arbitrary::{Result, Unstructured};
use serde_json::{Value, json};

use crate::forge::choose;

pub(super) fn pick<T: Copy>(input: &mut Unstructured<'_>, from: &[T]) -> Result<T> {
    input.choose(from).copied()
}

/// One of the values that are accepted, or, once in sixteen times, of those that are not.
pub(super) fn mostly<T: Copy>(input: &mut Unstructured<'_>, right: &[T], wrong: &[T]) -> Result<T> {
    match input.arbitrary::<u8>()? {
        0..240 => pick(input, right),
        240.. => pick(input, wrong),
    }
}

/// Name of a server and its heartbeat.
pub(super) fn any_heartbeat(input: &mut Unstructured<'_>) -> Result<(&'static str, Value)> {
    let name = mostly(input, &["eu", "eu-1", "eu-2"], &["us", "eux", "-"])?;
    let address = |input: &mut Unstructured<'_>| {
        let right = [
            "203.0.113.7:40000",
            "203.0.113.7:40001",
            "[2001:db8::7]:40000",
            "[::ffff:203.0.113.7]:40000",
        ];
        mostly(input, &right, &["0.0.0.0:1", "127.0.0.1:0", "eu"])
    };
    let mut addresses = vec![address(input)?];
    for _ in 0..mostly(input, &[0, 0, 1, 2], &[3, 4])? {
        addresses.push(address(input)?);
    }
    let mut clients = Vec::new();
    for _ in 0..choose(input, 4)? {
        let right = ["1", "2", "3", "18446744073709551615"];
        clients.push(mostly(input, &right, &["01", "-1", ""])?);
    }
    let capacity = mostly(input, &[2, 3, 100_000], &[0, 100_001, u32::MAX])?;
    let mut body = json!({
        "addresses": addresses,
        "capacity": capacity,
        "connected": mostly(input, &[0, 1, 2, capacity], &[3, 4, u32::MAX])?,
        "clients": clients,
        "draining": mostly(input, &[false], &[true])?,
        "labels": any_labels(input)?,
    });
    if input.arbitrary()? {
        let more = usize::from(mostly(input, &[false], &[true])?);
        body["internalAddresses"] = json!(vec![address(input)?; addresses.len() + more]);
    }
    if input.arbitrary()? {
        body["bridge"] = json!({ "webrtc": mostly(input, &["https://b.example"], &["b", ""])? });
    }
    Ok((name, body))
}

pub(super) fn any_labels(input: &mut Unstructured<'_>) -> Result<Value> {
    let mut labels = serde_json::Map::new();
    for _ in 0..mostly(input, &[0, 0, 1], &[2, 17])? {
        let key = mostly(input, &["region", "map"], &["", "version"])?;
        let value = mostly(input, &["eu", "us"], &["", "\u{0}"])?;
        labels.insert(key.to_owned(), json!(value));
    }
    Ok(Value::Object(labels))
}
