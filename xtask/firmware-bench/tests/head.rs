//! The firmware's reader of HTTP heads, and the text of its requests.

#[allow(unreachable_pub, reason = "public where it is part of the firmware")]
#[path = "../../../examples/firmware/src/head.rs"]
mod head;
#[allow(unreachable_pub, reason = "public where it is part of the firmware")]
#[path = "../../../examples/firmware/src/text.rs"]
mod text;

use head::{Head, Malformed, read};
use text::Piece::{Hex, Number, Text};
use text::join;

const ANSWER: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
    RETRY-AFTER:\t7\r\nContent-Length: 12 \r\nconnection: close\r\n\r\n{\"status\":503";

fn status(line: &str) -> Result<u16, Malformed> {
    let head = read(format!("{line}\r\n\r\n").as_bytes());
    head.map(|head| head.map_or(0, |head| head.status))
}

#[test]
fn a_head_is_read_when_its_last_byte_has_arrived_and_not_before() {
    let end = ANSWER.len() - "{\"status\":503".len();
    for len in 0..end {
        assert_eq!(read(&ANSWER[..len]), Ok(None), "{len} bytes");
    }
    let whole = Head {
        status: 503,
        body_bytes: Some(12),
        encoded: false,
        retry_after: Some(7),
        end,
    };
    for len in end..=ANSWER.len() {
        assert_eq!(read(&ANSWER[..len]), Ok(Some(whole)), "{len} bytes");
    }
}

#[test]
fn an_encoded_body_is_recognized_whatever_the_case_of_the_name() {
    for name in ["transfer-encoding", "Transfer-Encoding"] {
        let answer = format!("HTTP/1.1 200 OK\r\n{name}: chunked\r\n\r\n");
        let head = read(answer.as_bytes()).unwrap().unwrap();
        assert!(head.encoded && head.body_bytes.is_none());
    }
}

#[test]
fn a_date_to_retry_after_is_ignored() {
    let answer = b"HTTP/1.1 429 \r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
    assert_eq!(read(answer).unwrap().unwrap().retry_after, None);
}

#[test]
fn what_is_no_http_is_malformed() {
    assert_eq!(status("HTTP/1.1 200 OK"), Ok(200));
    assert_eq!(status("HTTP/1.0 404"), Ok(404));
    for line in [
        "",
        "HTTP/2 200",
        "HTTP/1.1",
        "HTTP/1.1 20",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1  200 OK",
        "http/1.1 200 OK",
        "HTTP/1.1 200 OK\r\nno colon",
        "HTTP/1.1 200 OK\r\nContent-Length:",
        "HTTP/1.1 200 OK\r\nContent-Length: -1",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999",
    ] {
        assert_eq!(status(line), Err(Malformed), "{line:?}");
    }
}

#[test]
fn no_changed_byte_makes_the_reader_panic() {
    for at in 0..ANSWER.len() {
        for byte in 0..=u8::MAX {
            let mut answer = ANSWER.to_vec();
            answer[at] = byte;
            let _ = read(&answer);
        }
    }
}

#[test]
fn text_has_numbers_and_bytes_in_it_and_is_cut_at_the_end_of_its_room() {
    let pieces = [
        Text("a "),
        Number(0),
        Text(" "),
        Hex(&[0x0f, 0xa9]),
        Number(u64::MAX),
    ];
    let whole = b"a 0 0fa918446744073709551615";
    let mut room = [0; 40];
    assert_eq!(join(&pieces, &mut room), whole);
    for len in 0..whole.len() {
        assert_eq!(join(&pieces, &mut room[..len]), &whole[..len]);
    }
}
