//! Head of an HTTP/1.1 answer.
//!
//! It knows no network: the bench includes this file and tests it.

/// Fields of a head that matter to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    /// `Content-Length`.
    pub body_bytes: Option<u32>,
    /// `Transfer-Encoding`: the body is not sent as it is, but in chunks or compressed.
    pub encoded: bool,
    /// `Retry-After`, seconds; a date is ignored.
    pub retry_after: Option<u32>,
    /// Index of the body's first byte.
    pub end: usize,
}

/// Bytes that are no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads the head that `bytes` begin with; `None` if more is to come.
///
/// # Errors
/// The bytes are no head of an HTTP/1 answer.
pub fn read(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let lines = bytes.get(..end).ok_or(Malformed)?;
    let mut lines = lines.split(|byte| *byte == b'\n');
    let mut head = Head {
        status: lines.next().and_then(status).ok_or(Malformed)?,
        body_bytes: None,
        encoded: false,
        retry_after: None,
        end: end + 4,
    };
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line
            .split_at_checked(colon.ok_or(Malformed)?)
            .ok_or(Malformed)?;
        let value = value.get(1..).ok_or(Malformed)?.trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            head.body_bytes = Some(number(value).ok_or(Malformed)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            head.encoded = true;
        } else if name.eq_ignore_ascii_case(b"retry-after") {
            head.retry_after = number(value);
        }
    }
    Ok(Some(head))
}

/// Status of `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let (minor, rest) = line.strip_prefix(b"HTTP/1.")?.split_first()?;
    let digits = rest.strip_prefix(b" ")?.get(..3)?;
    let status = minor.is_ascii_digit().then(|| number(digits))??;
    u16::try_from(status).ok()
}

/// A number in decimal digits.
fn number(text: &[u8]) -> Option<u32> {
    let digit = |byte: &u8| byte.is_ascii_digit().then_some(u32::from(byte & 0xf));
    let mut digits = text.iter();
    digits.try_fold(digits.clone().next().map(|_| 0)?, |sum: u32, byte| {
        sum.checked_mul(10)?.checked_add(digit(byte)?)
    })
}
