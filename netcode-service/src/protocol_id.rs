//! Protocol ids on the command line.

/// Parses a protocol id, decimal or hexadecimal behind `0x`, with `_` between digits at will, for
/// clap's `value_parser`.
///
/// # Errors
/// A sentence with examples, if the text is no number from 0 to 2^64 - 1.
pub fn parse_protocol_id(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let parsed = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    parsed.map_err(|_| "not a number from 0 to 2^64 - 1, such as 42 or 0x6d79_6761_6d65".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_ids_are_decimal_or_hexadecimal() {
        assert_eq!(parse_protocol_id("42"), Ok(42));
        assert_eq!(parse_protocol_id("0x1122_3344"), Ok(0x1122_3344));
        for text in ["", "-1", "0x", "0x1_0000_0000_0000_0000", "forty-two"] {
            assert!(parse_protocol_id(text).is_err(), "{text}");
        }
    }
}
