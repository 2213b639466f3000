//! Accounts of the site, and the sessions of their cookies.

use arbitrary::{Result, Unstructured};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::bodies::{mostly, pick};
use super::{Ask, VISITOR, World};
use crate::forge::choose;

/// Passwords of one run that are hashed, at most.
const MOST_PASSWORDS: u8 = 2;

impl World<'_> {
    /// A request about an account or a session.
    pub(super) fn account(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match choose(input, 4)? {
            0 if self.passwords < MOST_PASSWORDS => self.sign("/v1/account", input),
            1 if self.passwords < MOST_PASSWORDS => self.sign("/v1/session", input),
            2 => self.sign_out(),
            _ => self.damaged_cookie(input),
        }
    }

    /// Signs up or in. Names of earlier runs are taken.
    fn sign(&mut self, path: &'static str, input: &mut Unstructured<'_>) -> Result<()> {
        let names = ["anna", "b-2", "c_3_12345678901234567"];
        let name = mostly(input, &names, &["", "ab", "Anna", "\u{0}\u{0}\u{0}"])?;
        let passwords = ["correct horse", "battery staple"];
        let password = mostly(input, &passwords, &["", "too short", "\u{0}\u{1}"])?;
        self.passwords += u8::from(passwords.contains(&password));
        let body = json!({ "name": name, "password": password });
        let answer = self.send(&Ask::json(VISITOR, "POST", path, &body));
        if answer.status != StatusCode::OK {
            return Ok(());
        }
        assert!(names.contains(&name) && passwords.contains(&password));
        let cookie = answer.cookie.expect("a session's cookie");
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        assert_eq!(self.signed_in(&cookie)["name"], name);
        self.cookie = Some((cookie, name));
        Ok(())
    }

    fn sign_out(&mut self) -> Result<()> {
        let Some((cookie, name)) = self.cookie.take() else {
            return Ok(());
        };
        assert_eq!(self.signed_in(&cookie)["name"], name);
        let mut ask = Ask::new(VISITOR, "DELETE", "/v1/session", Vec::new());
        ask.cookie = Some(cookie.clone());
        assert_eq!(self.send(&ask).status, StatusCode::NO_CONTENT);
        assert_eq!(self.signed_in(&cookie), json!({}));
        Ok(())
    }

    /// A cookie of which one character is another is no session's.
    fn damaged_cookie(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let Some((cookie, _)) = &self.cookie else {
            return Ok(());
        };
        let mut bytes = cookie.clone().into_bytes();
        let at = usize::from(input.arbitrary::<u8>()?) % bytes.len();
        let other = pick(input, b"AZaz09-_=. ")?;
        if bytes[at] == other {
            return Ok(());
        }
        bytes[at] = other;
        let damaged = String::from_utf8(bytes).expect("ASCII");
        assert_eq!(self.signed_in(&damaged), json!({}));
        Ok(())
    }

    /// Account of a cookie, as the service reports it.
    fn signed_in(&self, cookie: &str) -> Value {
        let mut ask = Ask::new(VISITOR, "GET", "/v1/session", Vec::new());
        ask.cookie = Some(cookie.to_owned());
        let answer = self.send(&ask);
        assert_eq!(answer.status, StatusCode::OK);
        answer.json()
    }
}
