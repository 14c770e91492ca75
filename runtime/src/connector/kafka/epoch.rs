//! The number of an epoch as text beside a committed offset: `epoch=17`.
//!
//! Kafka keeps such a text with every committed offset, and `kafka-consumer-groups` does not show it; it is where a restart learns which
//! epoch was the last to count.

/// The text for `epoch`.
pub(crate) fn text(epoch: u64) -> String {
    format!("epoch={epoch}")
}

/// The epoch that `text` names; other programs write other texts.
pub(crate) fn parse(text: &str) -> Option<u64> {
    text.strip_prefix("epoch=")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for epoch in [0, 1, 17, u64::MAX] {
            assert_eq!(parse(&text(epoch)), Some(epoch));
        }
    }

    #[test]
    fn texts_of_others_are_no_epochs() {
        for text in ["", "epoch", "epoch=", "epoch=x", "epoch=-1", "17"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
