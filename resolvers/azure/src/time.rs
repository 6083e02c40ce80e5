//! Times in messages.

use azure_core::time::{OffsetDateTime, to_rfc3339};

/// The time as RFC 3339 has it. That has four digits for a year, so a time outside them is in seconds: a vault can name any.
pub(crate) fn text(time: &OffsetDateTime) -> String {
    if (0..=9999).contains(&time.year()) {
        return to_rfc3339(time);
    }
    let seconds = time.unix_timestamp();
    format!("{} s {} 1970", seconds.unsigned_abs(), if seconds < 0 { "before" } else { "after" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_text() {
        let of = |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok().map(|time| text(&time));
        assert_eq!(of(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(of(253_402_300_799).as_deref(), Some("9999-12-31T23:59:59Z"));
        assert_eq!(of(-62_167_219_201).as_deref(), Some("62167219201 s before 1970"));
        // Beyond what the SDK reads.
        assert_eq!(of(i64::MAX), None);
    }
}
