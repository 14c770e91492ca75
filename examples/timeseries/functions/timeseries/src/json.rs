//! As much JSON as a model file needs: objects, arrays, numbers, texts without escapes.

/// A value of JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object, in the order of the file.
    Object(Vec<(String, Json)>),
}

/// Deeper nesting is refused.
const DEPTH_MAX: usize = 16;

/// Reads one value, and nothing after it.
///
/// # Errors
/// When the text is not such JSON; the message has the byte.
pub fn parse(text: &str) -> Result<Json, String> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.space();
    if parser.at < text.len() {
        return Err(parser.wrong("the end"));
    }
    Ok(value)
}

impl Json {
    /// The field of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A number.
    pub fn number(&self) -> Option<f64> {
        if let Json::Number(x) = self { Some(*x) } else { None }
    }

    /// The elements of an array.
    pub fn array(&self) -> Option<&[Json]> {
        if let Json::Array(values) = self {
            Some(values)
        } else {
            None
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn wrong(&self, expected: &str) -> String {
        format!("byte {} of the model is not {expected}", self.at)
    }

    fn space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_ascii_start().len();
    }

    /// Takes a character, where it is the next.
    fn take(&mut self, c: u8) -> bool {
        self.space();
        let there = self.text.as_bytes().get(self.at) == Some(&c);
        self.at += usize::from(there);
        there
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > DEPTH_MAX {
            return Err(format!("the model is nested deeper than {DEPTH_MAX}"));
        }
        if self.take(b'{') {
            let fields = self.list(b'}', |parser| {
                let name = parser.text()?;
                if !parser.take(b':') {
                    return Err(parser.wrong("':'"));
                }
                Ok((name, parser.value(depth + 1)?))
            })?;
            return Ok(Json::Object(fields));
        }
        if self.take(b'[') {
            return self.list(b']', |parser| parser.value(depth + 1)).map(Json::Array);
        }
        if self.text.as_bytes().get(self.at) == Some(&b'"') {
            return self.text().map(Json::Text);
        }
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '+' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        let number = rest[..end].parse().map_err(|_| self.wrong("a value"))?;
        self.at += end;
        Ok(Json::Number(number))
    }

    fn list<T>(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        if self.take(end) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.take(end) {
                return Ok(items);
            }
            if !self.take(b',') {
                return Err(self.wrong("',' or the end of the list"));
            }
        }
    }

    fn text(&mut self) -> Result<String, String> {
        if !self.take(b'"') {
            return Err(self.wrong("a text"));
        }
        let rest = &self.text[self.at..];
        let end = rest.find(['"', '\\']).unwrap_or(rest.len());
        if rest.as_bytes().get(end) != Some(&b'"') {
            return Err(self.wrong("a text without escapes"));
        }
        self.at += end + 1;
        Ok(rest[..end].to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_model_has() {
        let json = parse(r#" {"a": [1, -2.5e3, []], "b": {"c": "text"}, "d": {}} "#).unwrap();
        assert_eq!(json.get("a").unwrap().array().unwrap()[1].number(), Some(-2_500.0));
        assert_eq!(json.get("b").unwrap().get("c"), Some(&Json::Text("text".into())));
        assert_eq!(json.get("d"), Some(&Json::Object(vec![])));
        assert_eq!(json.get("x"), None);
    }

    #[test]
    fn refuses_the_rest() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "nul",
            "[1] 2",
            "\"a\\n\"",
            "1.2.3",
            "ä",
            &deep,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
