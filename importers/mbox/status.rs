//! Flags that mail programs keep in header fields: `Status` and `X-Status` (mutt, Dovecot and older),
//! `X-Mozilla-Status` (Thunderbird; bits from Mozilla's nsMsgMessageFlags.h).

use exodus_api::Flags;
use exodus_mail::header;

/// The flags of a message. One that carries none of these fields was read.
pub fn flags(head: &[u8]) -> Flags {
    let value =
        |name: &str| header::get(head, name).map(|value| String::from_utf8_lossy(&value).into_owned());
    let (status, x_status, mozilla) = (value("Status"), value("X-Status"), value("X-Mozilla-Status"));
    if status.is_none() && x_status.is_none() && mozilla.is_none() {
        return Flags::SEEN;
    }
    let letters = format!("{}{}", status.unwrap_or_default(), x_status.unwrap_or_default());
    let of_letters = [
        ('R', Flags::SEEN),
        ('A', Flags::REPLIED),
        ('F', Flags::FLAGGED),
        ('D', Flags::TRASHED),
        ('T', Flags::DRAFT),
    ];
    let bits = mozilla.and_then(|bits| u32::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0);
    let of_bits = [
        (0x1, Flags::SEEN),
        (0x2, Flags::REPLIED),
        (0x4, Flags::FLAGGED),
        (0x8, Flags::TRASHED),
        (0x1000, Flags::PASSED),
    ];
    let by_letter =
        of_letters.into_iter().filter(|(letter, _)| letters.contains(*letter)).map(|(_, flag)| flag);
    let by_bit = of_bits.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, flag)| flag);
    by_letter.chain(by_bit).fold(Flags::NONE, Flags::with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_from_every_programs_fields() {
        for (head, letters) in [
            ("Subject: a\n", "S"),
            ("Status: RO\nX-Status: AF\n", "FRS"),
            ("Status: O\n", ""),
            ("X-Mozilla-Status: 0005\n", "FS"),
            ("X-Mozilla-Status: 1002\n", "PR"),
            ("X-Mozilla-Status: nonsense\n", ""),
        ] {
            assert_eq!(flags(head.as_bytes()).letters(), letters, "{head}");
        }
    }
}
