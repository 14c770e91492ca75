//! Parts of URLs, as `java.net.URI` finds them, and texts for their query part.

use crate::function::column::{rows1, text1, text2};
use crate::function::definition::{Definition, define};
use crate::function::row_error::Fault;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define("url_extract_protocol", "the protocol of a URL: 'https'").on("(STRING) -> STRING", |c| {
            text1(c, |s, out| part(s, |url| url.scheme, out))
        }),
        define("url_extract_host", "the host of a URL").on("(STRING) -> STRING", |c| {
            text1(c, |s, out| part(s, |url| url.host, out))
        }),
        define("url_extract_port", "the port of a URL, where it names one").on("(STRING) -> INT", |c| {
            rows1(c, |s: &str| Uri::parse(s).map(|url| url.port))
        }),
        define("url_extract_path", "the path of a URL").on("(STRING) -> STRING", |c| {
            text1(c, |s, out| decoded(s, |url| url.path, out))
        }),
        define("url_extract_query", "the query part of a URL").on("(STRING) -> STRING", |c| {
            text1(c, |s, out| decoded(s, |url| url.query, out))
        }),
        define("url_extract_fragment", "the fragment of a URL").on("(STRING) -> STRING", |c| {
            text1(c, |s, out| decoded(s, |url| url.fragment, out))
        }),
        define(
            "url_extract_parameter",
            "the value of a parameter of a URL's query part: URL_EXTRACT_PARAMETER(url, name)",
        )
        .on("(STRING, STRING) -> STRING", |c| text2(c, parameter)),
        define(
            "url_encode_param",
            "a text as it stands in a URL's query part: 'a b' is 'a+b'",
        )
        .on("(STRING) -> STRING", |c| text1(c, encode)),
        define(
            "url_decode_param",
            "the text that stands in a URL's query part: 'a+b' is 'a b'",
        )
        .on("(STRING) -> STRING", |c| {
            text1(c, |s, out| {
                out.push_str(&decode(s, Plus::IsSpace)?);
                Ok::<_, Fault>(Some(()))
            })
        }),
    ]
}

/// The parts of a URI, still with their percent escapes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Uri<'a> {
    scheme: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<i32>,
    path: Option<&'a str>,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Uri<'a> {
    fn parse(text: &'a str) -> Result<Self, Fault> {
        let fail = || Fault::from(format!("'{text}' is not a URL"));
        let is_legal = |c: char| !c.is_control() && !c.is_whitespace() && !r#""<>\^`{|}"#.contains(c);
        if text.is_empty() || !text.chars().all(is_legal) || text.matches('#').count() > 1 || !escapes_are_whole(text) {
            return Err(fail());
        }
        let (rest, fragment) = split_off(text, '#');
        let (scheme, rest) = match rest.find([':', '/', '?']) {
            Some(at) if rest.as_bytes()[at] == b':' => {
                let scheme = &rest[..at];
                let mut chars = scheme.chars();
                if !chars.next().is_some_and(|c| c.is_ascii_alphabetic())
                    || !chars.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
                    || rest.len() == at + 1
                {
                    return Err(fail());
                }
                (Some(scheme), &rest[at + 1..])
            }
            _ => (None, rest),
        };
        let mut uri = Uri {
            scheme,
            fragment,
            ..Uri::default()
        };
        if scheme.is_some() && !rest.starts_with('/') {
            // An opaque URI (`mailto:a@b`) has no parts.
            return Ok(uri);
        }
        let (rest, query) = split_off(rest, '?');
        uri.query = query;
        if rest.contains(['[', ']']) && !rest.starts_with("//") {
            return Err(fail());
        }
        if let Some(rest) = rest.strip_prefix("//") {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            if authority.is_empty() && path.is_empty() && query.is_none() {
                return Err(fail());
            }
            uri.path = Some(path);
            (uri.host, uri.port) = authority_parts(authority).unwrap_or((None, None));
        } else {
            uri.path = Some(rest);
        }
        Ok(uri)
    }
}

fn escapes_are_whole(text: &str) -> bool {
    text.match_indices('%').all(|(at, _)| {
        text.as_bytes()
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn split_off(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Host and port of `user@host:port`; `None` where it is no such thing, which Java takes without a host.
fn authority_parts(authority: &str) -> Option<(Option<&str>, Option<i32>)> {
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    let (host, port) = if host_port.starts_with('[') {
        let end = host_port.find(']')? + 1;
        (&host_port[..end], host_port[end..].strip_prefix(':'))
    } else {
        split_off(host_port, ':')
    };
    let is_name = host.starts_with('[')
        || (!host.is_empty()
            && host.split('.').filter(|label| !label.is_empty()).all(|label| {
                label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            }));
    let port = match port {
        None | Some("") => None,
        Some(digits) => Some(digits.parse().ok().filter(|port| *port >= 0)?),
    };
    is_name.then_some((Some(host), port))
}

fn part<'a>(text: &'a str, part: fn(&Uri<'a>) -> Option<&'a str>, out: &mut String) -> Result<Option<()>, Fault> {
    Ok(part(&Uri::parse(text)?).map(|found| out.push_str(found)))
}

fn decoded<'a>(text: &'a str, part: fn(&Uri<'a>) -> Option<&'a str>, out: &mut String) -> Result<Option<()>, Fault> {
    match part(&Uri::parse(text)?) {
        Some(found) => {
            out.push_str(&decode(found, Plus::IsPlus)?);
            Ok(Some(()))
        }
        None => Ok(None),
    }
}

fn parameter(text: &str, wanted: &str, out: &mut String) -> Result<Option<()>, Fault> {
    let Some(query) = Uri::parse(text)?.query else {
        return Ok(None);
    };
    let query = decode(query, Plus::IsPlus)?;
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name == wanted {
            out.push_str(value);
            return Ok(Some(()));
        }
    }
    Ok(None)
}

fn encode(text: &str, out: &mut String) {
    use std::fmt::Write;
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => write!(out, "%{byte:02X}").expect("writing to a string does not fail"),
        }
    }
}

/// What a plus sign means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plus {
    IsSpace,
    IsPlus,
}

fn decode(text: &str, plus: Plus) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' if plus == Plus::IsSpace => bytes.push(b' '),
            b'%' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(byte.ok_or_else(|| Fault::from(format!("'{text}' has a broken percent escape")))?);
                rest = &rest[2..];
            }
            other => bytes.push(*other),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
