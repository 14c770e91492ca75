//! Java's regular expressions turned into those of the `regex` crate.
//!
//! The crate matches in linear time and so has no lookaround, no back references and no possessive quantifiers;
//! a pattern with one is refused by name. What it has means the same after this translation: `\d`, `\w` and `\s` are
//! ASCII, `.` stops at every line end that Unicode knows, `\p{Alpha}` is POSIX, `\Q...\E` quotes.
//! Not translated: `$` before a last line end, which here is the very end.

use regex::Regex;

/// Compiles a Java pattern.
///
/// # Errors
/// What is wrong with it, for people.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = Translator::new(pattern).run()?;
    Regex::new(&translated).map_err(|error| {
        let reason = error.to_string();
        let last = reason
            .lines()
            .last()
            .unwrap_or("")
            .trim_start_matches("error: ")
            .to_owned();
        format!("invalid regular expression '{pattern}': {last}")
    })
}

struct Translator<'a> {
    pattern: &'a str,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    out: String,
    class_depth: usize,
    /// `(?s)` somewhere: then `.` is left alone.
    dot_all: bool,
    /// The last thing can be repeated by a quantifier that stands next.
    after_quantifier: bool,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str) -> Self {
        Self {
            pattern,
            rest: pattern.chars().peekable(),
            out: String::with_capacity(pattern.len() + 16),
            class_depth: 0,
            dot_all: has_flag(pattern, 's'),
            after_quantifier: false,
        }
    }

    fn refuse(&self, what: &str) -> String {
        format!(
            "regular expression '{}' has {what}, which is not supported",
            self.pattern
        )
    }

    fn run(mut self) -> Result<String, String> {
        while let Some(c) = self.rest.next() {
            let quantified = std::mem::take(&mut self.after_quantifier);
            match c {
                '\\' => self.escape()?,
                '[' => {
                    self.class_depth += 1;
                    self.out.push('[');
                    if self.rest.peek() == Some(&'^') {
                        self.rest.next();
                        self.out.push('^');
                    }
                    // A bracket that opens a class and is its first member stands for itself in neither language.
                }
                ']' if self.class_depth > 0 => {
                    self.class_depth -= 1;
                    self.out.push(']');
                }
                _ if self.class_depth > 0 => self.in_class(c),
                '.' if !self.dot_all => self.out.push_str(r"[^\n\r\x{85}\x{2028}\x{2029}]"),
                '(' => self.group()?,
                '*' | '+' | '?' | '}' if c != '}' || self.out_ends_in_counter() => {
                    if quantified && c == '+' {
                        return Err(self.refuse("a possessive quantifier"));
                    }
                    self.out.push(c);
                    self.after_quantifier = true;
                }
                other => self.out.push(other),
            }
        }
        Ok(self.out)
    }

    /// `{2,3` stands at the end of the output.
    fn out_ends_in_counter(&self) -> bool {
        let digits = self.out.trim_end_matches(|c: char| c.is_ascii_digit() || c == ',');
        digits.len() < self.out.len() && digits.ends_with('{')
    }

    /// A plain member of a character class.
    fn in_class(&mut self, c: char) {
        // These two mean set operations to the crate and nothing to Java.
        if matches!(c, '~' | '-') && self.rest.peek() == Some(&c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    fn group(&mut self) -> Result<(), String> {
        let rest: String = self.rest.clone().take(3).collect();
        if rest.starts_with("?=") || rest.starts_with("?!") {
            return Err(self.refuse("a lookahead"));
        }
        if rest.starts_with("?<=") || rest.starts_with("?<!") {
            return Err(self.refuse("a lookbehind"));
        }
        if rest.starts_with("?>") {
            return Err(self.refuse("an atomic group"));
        }
        self.out.push('(');
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        let Some(c) = self.rest.next() else {
            return Err(format!(
                "invalid regular expression '{}': it ends in a backslash",
                self.pattern
            ));
        };
        let inside = self.class_depth > 0;
        let text = match c {
            'd' => "[0-9]",
            'D' => "[^0-9]",
            'w' => "[a-zA-Z_0-9]",
            'W' => "[^a-zA-Z_0-9]",
            's' => r"[ \t\n\x0B\f\r]",
            'S' => r"[^ \t\n\x0B\f\r]",
            'h' => r"[ \t\x{A0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]",
            'v' => r"[\n\x0B\f\r\x{85}\x{2028}\x{2029}]",
            'R' if !inside => r"(?:\r\n|[\n\x0B\f\r\x{85}\x{2028}\x{2029}])",
            'e' => r"\x1B",
            'Z' if !inside => r"(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])?\z",
            'p' | 'P' => {
                self.property(c);
                return Ok(());
            }
            'Q' => {
                self.quote();
                return Ok(());
            }
            'u' => return self.code_unit(),
            'k' if !inside => return Err(self.refuse("a back reference")),
            '1'..='9' if !inside => return Err(self.refuse("a back reference")),
            'G' | 'X' if !inside => return Err(self.refuse(&format!("\\{c}"))),
            '0' => return self.octal(),
            // The crate refuses escapes of characters that need none.
            other if other.is_ascii_alphanumeric() => {
                self.out.push('\\');
                self.out.push(other);
                return Ok(());
            }
            other => {
                self.out.push_str(&regex::escape(other.encode_utf8(&mut [0; 4])));
                return Ok(());
            }
        };
        self.out.push_str(text);
        Ok(())
    }

    /// `\p{...}`: POSIX classes are ASCII in Java.
    fn property(&mut self, kind: char) {
        let name: String = if self.rest.peek() == Some(&'{') {
            self.rest.next();
            self.rest.by_ref().take_while(|c| *c != '}').collect()
        } else {
            self.rest.next().into_iter().collect()
        };
        let posix = match name.as_str() {
            "Lower" => "a-z",
            "Upper" => "A-Z",
            "ASCII" => r"\x00-\x7F",
            "Alpha" => "a-zA-Z",
            "Digit" => "0-9",
            "Alnum" => "a-zA-Z0-9",
            "Punct" => r"!-/:-@\[-`{-\x7E",
            "Graph" => r"!-\x7E",
            "Print" => r" -\x7E",
            "Blank" => r" \t",
            "Cntrl" => r"\x00-\x1F\x7F",
            "XDigit" => "0-9a-fA-F",
            "Space" => r" \t\n\x0B\f\r",
            other => {
                let other = other.strip_prefix("Is").unwrap_or(other);
                self.out.push_str(&format!("\\{kind}{{{other}}}"));
                return;
            }
        };
        let negation = if kind == 'P' { "^" } else { "" };
        self.out.push_str(&format!("[{negation}{posix}]"));
    }

    fn quote(&mut self) {
        let rest: String = self.rest.clone().collect();
        let (literal, length) = match rest.find("\\E") {
            Some(end) => (&rest[..end], rest[..end].chars().count() + 2),
            None => (rest.as_str(), rest.chars().count()),
        };
        self.out.push_str(&regex::escape(literal));
        self.rest.by_ref().take(length).for_each(drop);
    }

    fn code_unit(&mut self) -> Result<(), String> {
        let digits: String = self.rest.by_ref().take(4).collect();
        if digits.len() != 4 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(format!(
                "invalid regular expression '{}': \\u needs four digits",
                self.pattern
            ));
        }
        self.out.push_str(&format!("\\x{{{digits}}}"));
        Ok(())
    }

    fn octal(&mut self) -> Result<(), String> {
        let mut value = 0;
        let mut count = 0;
        while let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(8)) {
            if count == 3 || value * 8 + digit > 0o377 {
                break;
            }
            value = value * 8 + digit;
            count += 1;
            self.rest.next();
        }
        if count == 0 {
            return Err(format!(
                "invalid regular expression '{}': \\0 needs octal digits",
                self.pattern
            ));
        }
        self.out.push_str(&format!("\\x{{{value:x}}}"));
        Ok(())
    }
}

/// Whether an inline flag is switched on anywhere: `(?s)`, `(?is:...)`.
fn has_flag(pattern: &str, flag: char) -> bool {
    pattern.match_indices("(?").any(|(at, _)| {
        let flags: String = pattern[at + 2..]
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        flags.contains(flag)
    })
}

/// Appends a replacement as `Matcher.appendReplacement` reads it: `$1`, `${name}`, and backslashes quote.
///
/// # Errors
/// When it names a group that the pattern does not have.
pub(super) fn push_replacement(
    replacement: &str,
    captures: &regex::Captures<'_>,
    groups: usize,
    out: &mut String,
) -> Result<(), String> {
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().ok_or("the replacement ends in a backslash")?),
            '$' => {
                if chars.peek() == Some(&'{') {
                    chars.next();
                    let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    let group = captures.name(&name);
                    out.push_str(group.map_or("", |m| m.as_str()));
                    continue;
                }
                let first = chars
                    .peek()
                    .and_then(|c| c.to_digit(10))
                    .ok_or("'$' needs a group number")?;
                chars.next();
                let mut group = first as usize;
                // More digits as long as there is such a group.
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer >= groups {
                        break;
                    }
                    group = longer;
                    chars.next();
                }
                if group >= groups {
                    return Err(format!("the pattern has no group {group}"));
                }
                out.push_str(captures.get(group).map_or("", |m| m.as_str()));
            }
            other => out.push(other),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_patterns_mean_the_same() {
        for (pattern, text, matches) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"^\w+$", "añb", false),
            (r"^.$", "\r", false),
            (r"(?s)^.$", "\n", true),
            (r"^\Qa.b*\E$", "a.b*", true),
            (r"^[\w-]+$", "a-b", true),
            (r"^[^\d]+$", "ab", true),
            (r"^\p{Alpha}+\p{Punct}$", "ab!", true),
            (r"^\p{IsLatin}$", "ñ", true),
            (r"^\u0041$", "A", true),
            (r"^a{2,3}$", "aaa", true),
            (r"^a*?b$", "aab", true),
            (r"(?i)^ABC$", "abc", true),
            (r"^\/\-\:$", "/-:", true),
            (r"^[a-z&&[^b]]$", "b", false),
            (r"a\Z", "a\n", true),
        ] {
            assert_eq!(compile(pattern).unwrap().is_match(text), matches, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_cannot_be_matched_is_refused_by_name() {
        for (pattern, reason) in [
            ("a(?=b)", "a lookahead"),
            ("(?<!a)b", "a lookbehind"),
            (r"(a)\1", "a back reference"),
            ("a++", "a possessive quantifier"),
            ("a{2}+", "a possessive quantifier"),
            ("(?>a)", "an atomic group"),
            ("(a", "unclosed group"),
            ("a\\", "a backslash"),
        ] {
            let error = compile(pattern).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
