//! Unencrypted DTLS alerts.
//!
//! Until keys are agreed on, DTLS alerts are neither encrypted nor authenticated, and one alert
//! ends the handshake: an attacker who knows both addresses needs one forged datagram. So they are
//! ignored; a handshake that fails for a real reason runs into its timeout.

/// DTLS content type of an alert.
const ALERT: u8 = 21;

/// Length of a record header: content type, version, epoch, sequence number, length.
const HEAD_BYTES: usize = 13;

/// `true` if one of the DTLS records in `datagram` is an unencrypted alert.
pub(super) fn has_plaintext_alert(datagram: &[u8]) -> bool {
    let mut rest = datagram;
    while let Some((head, after)) = rest.split_first_chunk::<HEAD_BYTES>() {
        let [content_type, _, _, epoch @ .., len_high, len_low] = head;
        if *content_type == ALERT && epoch.starts_with(&[0, 0]) {
            return true;
        }
        let len = usize::from(u16::from_be_bytes([*len_high, *len_low]));
        rest = after.get(len..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(content_type: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let len = u8::try_from(body.len()).unwrap();
        let mut record = vec![content_type, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 1, 0, len];
        record.extend_from_slice(body);
        record
    }

    #[test]
    fn unencrypted_alerts_are_found_in_any_position() {
        let alert = record(ALERT, 0, &[2, 40]);
        let handshake = record(22, 0, &[1; 40]);
        assert!(has_plaintext_alert(&alert));
        assert!(has_plaintext_alert(&[&*handshake, &alert].concat()));
        assert!(has_plaintext_alert(
            &[&*handshake, &handshake, &alert, &handshake].concat()
        ));
        assert!(!has_plaintext_alert(&handshake));
        assert!(!has_plaintext_alert(&record(ALERT, 1, &[9; 26])));
        assert!(!has_plaintext_alert(&record(22, 0, &alert)));
    }

    #[test]
    fn a_truncated_record_is_no_alert() {
        let whole = [record(22, 0, &[1; 40]), record(ALERT, 0, &[2, 40])].concat();
        for len in 0..whole.len() - 2 {
            // The header alone suffices.
            assert_eq!(
                has_plaintext_alert(&whole[..len]),
                len >= 53 + HEAD_BYTES,
                "{len}"
            );
        }
    }
}
