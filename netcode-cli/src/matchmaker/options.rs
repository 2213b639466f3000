//! Options by which a server and a client find the backend.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use super::backend::Backend;
use super::url::{BaseUrl, base_url};
use crate::secret::api_key;
use crate::text::seconds;

/// Environment variable with the API key itself.
pub(super) const API_KEY_VARIABLE: &str = "NETCODE_API_KEY";

/// Web backend that sends players to servers with free slots.
#[derive(clap::Args)]
#[command(next_help_heading = "Matchmaker")]
pub(crate) struct MatchmakerArgs {
    /// Base URL of the matchmaker (`examples/matchmaker`), such as `https://play.example`
    #[arg(long = "matchmaker", id = "matchmaker", value_name = "URL", value_parser = base_url)]
    url: Option<BaseUrl>,
    /// File with the API key for the matchmaker, as `matchmaker key` prints it, or another bearer
    /// token that it accepts [or the key itself in the environment variable NETCODE_API_KEY]
    #[arg(long, value_name = "FILE", env = "NETCODE_API_KEY_FILE")]
    api_key: Option<PathBuf>,
    /// Label of the server, such as region=eu: a server has it, a client asks for it
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Maximum time of a request to the matchmaker
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    matchmaker_timeout: Duration,
    /// Permit http:// to another host, in a private network: the API key and the tokens cross it
    /// unencrypted
    #[arg(long)]
    matchmaker_plain_http: bool,
}

fn label(text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => bail!("write KEY=VALUE, such as region=eu"),
    }
}

impl MatchmakerArgs {
    /// The backend, if one was named.
    pub(crate) fn backend(&self) -> Result<Option<Backend>> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        if !url.is_private() && !self.matchmaker_plain_http {
            bail!(
                "--matchmaker {url}: plain HTTP would show the API key and the tokens to the \
                 network. Use https://, or permit it with --matchmaker-plain-http in a private \
                 network"
            );
        }
        let key = api_key(self.api_key.as_deref(), API_KEY_VARIABLE)?.ok_or_else(|| {
            anyhow!(
                "no API key for the matchmaker: `matchmaker key` prints one. Name its file with \
                 --api-key, or put it into the environment variable {API_KEY_VARIABLE}"
            )
        })?;
        Backend::new(url.clone(), &key, self.matchmaker_timeout).map(Some)
    }

    /// Maximum time of a request.
    pub(crate) fn timeout(&self) -> Duration {
        self.matchmaker_timeout
    }

    pub(crate) fn labels(&self) -> BTreeMap<&str, &str> {
        self.labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_a_key_and_a_value() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(label("region=eu").unwrap(), pair("region", "eu"));
        assert_eq!(label("mode=a=b").unwrap(), pair("mode", "a=b"));
        for text in ["region", "=eu", "region="] {
            assert!(label(text).is_err(), "{text}");
        }
    }
}
