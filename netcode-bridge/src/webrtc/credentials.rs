//! ICE credentials and other unpredictable numbers.

use aws_lc_rs::rand::fill;
use str0m::ice::IceCreds;

/// Bytes from a cryptographic generator. `None` if the system provides no randomness.
pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes).ok()?;
    Some(bytes)
}

/// Credentials for a new peer. The library's own come from a generator that is not made for
/// secrets: some of its output reveals the rest.
pub(super) fn credentials() -> Option<IceCreds> {
    Some(IceCreds {
        ufrag: hexadecimal(random::<8>()?),
        pass: hexadecimal(random::<16>()?),
    })
}

/// Credentials in an offer.
pub(super) fn offered(offer: &str) -> Option<IceCreds> {
    let value = |name| {
        let mut lines = offer.lines();
        lines
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    Some(IceCreds {
        ufrag: value("a=ice-ufrag:")?.to_owned(),
        pass: value("a=ice-pwd:")?.to_owned(),
    })
}

fn hexadecimal<const N: usize>(bytes: [u8; N]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_as_long_as_ice_asks_and_never_the_same() {
        let [one, other] = [credentials().unwrap(), credentials().unwrap()];
        assert_ne!((&one.ufrag, &one.pass), (&other.ufrag, &other.pass));
        assert!(one.ufrag.len() >= 4 && one.pass.len() >= 22);
    }

    #[test]
    fn an_offer_names_its_credentials_in_two_lines() {
        let offer = "v=0\r\na=ice-ufrag:abcd\r\na=mid:0\r\na=ice-pwd:0123456789\r\n";
        let found = offered(offer).unwrap();
        assert_eq!((&*found.ufrag, &*found.pass), ("abcd", "0123456789"));
        assert!(offered("a=ice-ufrag:abcd\r\n").is_none());
    }
}
