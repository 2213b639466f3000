//! Addresses on the command line.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Parses an IP address with a port, for clap's `value_parser`.
///
/// # Errors
/// A sentence that says what is missing, such as the port.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let host = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    if let Ok(ip) = host.unwrap_or(text).parse::<IpAddr>() {
        let example = SocketAddr::new(ip, 40_000);
        return Err(format!("the port is missing: write {example}"));
    }
    if text.starts_with(':') {
        return Err(format!("the IP address is missing: write 127.0.0.1{text}"));
    }
    if unbracketed(text).is_some() {
        return Err("an IPv6 address needs brackets: write [::1]:40000".to_owned());
    }
    Err("not an IP address and a port, such as 127.0.0.1:40000 or [::1]:40000".to_owned())
}

/// An IPv6 address followed by what was meant as a port.
fn unbracketed(text: &str) -> Option<SocketAddrV6> {
    let (ip, port) = text.rsplit_once(':')?;
    let ip: Ipv6Addr = ip.parse().ok()?;
    Some(SocketAddrV6::new(ip, port.parse().ok()?, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_port_is_refused_with_an_example() {
        for (text, example) in [
            ("127.0.0.1", "127.0.0.1:40000"),
            ("::1", "[::1]:40000"),
            ("[::1]", "[::1]:40000"),
            (":9100", "127.0.0.1:9100"),
            ("2001:db8::7:4000", "the port is missing"),
            ("2001:db8::7:40000", "needs brackets"),
            ("localhost:40000", "not an IP address"),
            ("127.0.0.1:70000", "not an IP address"),
        ] {
            let refusal = parse_address(text).unwrap_err();
            assert!(refusal.contains(example), "{text}: {refusal}");
        }
        assert_eq!(parse_address("[::1]:7").unwrap().port(), 7);
    }
}
