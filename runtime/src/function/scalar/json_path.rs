//! JSON paths of EXTRACTJSONFIELD: `$.a.b[0]["c d"]`. No wildcards, no filters.

/// The steps of a path: field names, and numbers of array elements in digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPath {
    pub(super) steps: Vec<String>,
}

impl JsonPath {
    /// Reads a path.
    ///
    /// # Errors
    /// Where it is wrong, for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fail = |at: usize| {
            Err(format!(
                "invalid JSON path '{text}' at character {}",
                text[..at].chars().count() + 1
            ))
        };
        let Some(mut rest) = text.strip_prefix('$') else {
            return fail(0);
        };
        let mut steps = Vec::new();
        loop {
            rest = rest.trim_start();
            let at = text.len() - rest.len();
            if rest.is_empty() {
                return Ok(Self { steps });
            }
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let name = after[..end].trim_end();
                if name.is_empty() {
                    return fail(at);
                }
                steps.push(name.to_owned());
                rest = &after[end..];
            } else if let Some(after) = rest.strip_prefix('[') {
                let Some((step, after)) = bracketed(after) else {
                    return fail(at);
                };
                steps.push(step);
                rest = after;
            } else {
                return fail(at);
            }
        }
    }
}

/// The step in brackets, quoted or not, and what follows the closing one.
fn bracketed(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        let (step, rest) = text.split_once(']')?;
        return (!step.is_empty()).then(|| (step.trim().to_owned(), rest));
    };
    let mut step = String::new();
    let mut chars = text.char_indices().skip(1);
    loop {
        match chars.next()? {
            (_, '\\') => step.push(chars.next()?.1),
            (at, c) if c == quote => return Some((step, text[at + 1..].strip_prefix(']')?)),
            (_, c) => step.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_lists_of_steps() {
        for (text, steps) in [
            ("$", vec![]),
            ("$.a.b", vec!["a", "b"]),
            ("$.a[0].b", vec!["a", "0", "b"]),
            ("$[\"a.b\"]['c]']", vec!["a.b", "c]"]),
            ("$.@id", vec!["@id"]),
            ("$ .a", vec!["a"]),
        ] {
            assert_eq!(JsonPath::parse(text).unwrap().steps, steps, "{text}");
        }
        for bad in ["", "a", "$.", "$a", "$[", "$[]", "$['a]", "$..a"] {
            assert!(JsonPath::parse(bad).is_err(), "{bad}");
        }
    }
}
