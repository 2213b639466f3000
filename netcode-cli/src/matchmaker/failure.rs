//! Requests to the backend that got no usable answer.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// Longest sentence of an answer that is shown, in characters.
const LONGEST_SHOWN: usize = 300;

/// Request without a usable answer. Its text says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No answer.
    Unreachable(String),
    /// The certificate of the backend is not trusted.
    Untrusted(String),
    /// Answer with a status of failure.
    Refused(Refusal),
    /// Answer that is none of a matchmaker.
    Malformed(String),
}

/// Answer with a status of failure: a problem body of RFC 9457, if the backend sent it itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    /// Stable code, for programs; empty if the answer has no problem body.
    code: String,
    detail: String,
    retry_after: Option<Duration>,
}

impl Failure {
    /// Refusal from the status, the body and the header `Retry-After` of an answer.
    pub(super) fn refused(status: u16, body: &[u8], retry_after: Option<&str>) -> Self {
        let problem = serde_json::from_slice::<Value>(body).unwrap_or_default();
        let field = |name: &str| problem.get(name).and_then(Value::as_str).map(shown);
        Self::Refused(Refusal {
            status,
            code: field("code").unwrap_or_default(),
            detail: field("detail")
                .or_else(|| field("title"))
                .unwrap_or_default(),
            retry_after: retry_after
                .and_then(|text| text.trim().parse().ok())
                .map(Duration::from_secs),
        })
    }

    /// `true` if the same request may succeed later, without anybody's help.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Untrusted(_) | Self::Malformed(_) => false,
            Self::Refused(refusal) => matches!(refusal.status, 408 | 429 | 500..),
        }
    }

    /// `true` if the backend answered.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// Time for which the answer asks to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// `true` for a failure with the same cause, whatever the words.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused(one), Self::Refused(other)) => {
                (one.status, &one.code) == (other.status, &other.code)
            }
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(cause) => write!(f, "the matchmaker cannot be reached: {cause}"),
            Self::Untrusted(cause) => write!(
                f,
                "the matchmaker's certificate is not trusted: {cause} (the system's authorities \
                 are; on Linux, SSL_CERT_FILE names a file with others)"
            ),
            Self::Malformed(cause) => write!(
                f,
                "the answer is not a matchmaker's: {cause}; compare --matchmaker with its URL"
            ),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the matchmaker refuses ({}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        f.write_str(")")?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        f.write_str(match (self.status, &*self.code) {
            (401, _) => "; compare the API key with its entry in the matchmaker's keys.toml",
            (403, _) => "; a server needs a key of role `server`, a client one of role `player`",
            (404 | 405, "") => "; compare --matchmaker with its URL",
            (409, "address-in-use") => {
                "; end the other server, or give it the same --server-name to replace it"
            }
            _ => "",
        })
    }
}

/// Text of an answer, as far as it can be shown on a terminal and in a log.
pub(crate) fn shown(text: &str) -> String {
    let visible = text.chars().filter(|it| !it.is_control());
    visible.take(LONGEST_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_body_explains_a_refusal() {
        let body = br#"{"type": "/problems/no-free-slot", "title": "Service Unavailable",
            "status": 503, "detail": "no server has a free slot", "code": "no-free-slot"}"#;
        let failure = Failure::refused(503, body, Some("5"));
        assert_eq!(
            failure.to_string(),
            "the matchmaker refuses (503 no-free-slot): no server has a free slot"
        );
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(5)));
        assert!(failure.may_pass());
    }

    #[test]
    fn answers_of_others_are_explained_by_their_status() {
        for (status, body, may_pass) in [
            (502, "<html>Bad Gateway</html>", true),
            (404, "", false),
            (403, "[]", false),
            (422, "{\"detail\": 7}", false),
        ] {
            let failure = Failure::refused(status, body.as_bytes(), Some("tomorrow"));
            let text = failure.to_string();
            let begin = format!("the matchmaker refuses ({status})");
            assert!(text.starts_with(&begin), "{text}");
            assert_eq!(failure.may_pass(), may_pass);
            assert_eq!(failure.retry_after(), None);
        }
    }

    #[test]
    fn an_answer_cannot_write_to_the_terminal() {
        let detail = format!("\u{1b}[2J{}", "x".repeat(1000));
        let body = serde_json::json!({ "detail": detail }).to_string();
        let text = Failure::refused(500, body.as_bytes(), None).to_string();
        assert!(!text.contains('\u{1b}') && text.len() < 400, "{text}");
    }
}
