//! SQL-only tests, ksqlDB's form: sections that `--@test: name` begins, with `--@expected.error` and `--@expected.message`.

use super::{BadCase, Body, Case, ExpectedError};

/// Begins a directive.
const DIRECTIVE: &str = "--@";

/// Reads a file of SQL-only tests; `stem` is its name without the ending, which begins each case's id.
///
/// # Errors
/// When a directive is not known, or two tests have one name.
pub fn load_sql(text: &str, stem: &str) -> Result<Vec<Case>, BadCase> {
    let mut sections: Vec<Section> = vec![Section::default()];
    for (number, line) in text.lines().enumerate() {
        // Lines of earlier sections stay as empty ones, so that places in errors are those of the file.
        let Some(directive) = line.trim_start().strip_prefix(DIRECTIVE) else {
            let section = sections.last_mut().expect("there is always one");
            section.add(number, line);
            continue;
        };
        let (name, value) = directive.split_once(':').unwrap_or((directive, ""));
        let value = value.trim().to_owned();
        if name.trim() == "test" {
            sections.push(Section {
                name: Some(value),
                ..Section::default()
            });
            continue;
        }
        let section = sections.last_mut().expect("there is always one");
        let expected = section.expected.get_or_insert_default();
        match name.trim() {
            "expected.error" => expected.class = Some(value),
            "expected.message" => expected.message = Some(value),
            other => {
                return Err(BadCase(format!(
                    "line {}: there is no directive `{DIRECTIVE}{other}`, only test, expected.error and expected.message",
                    number + 1
                )));
            }
        }
    }
    let mut cases: Vec<Case> = Vec::new();
    for section in sections {
        let id = match &section.name {
            Some(name) => format!("{stem} - {name}"),
            None if section.is_empty() => continue,
            None => stem.to_owned(),
        };
        if cases.iter().any(|case| case.id == id) {
            return Err(BadCase(format!("two tests are called `{id}`")));
        }
        cases.push(Case {
            id,
            skip: None,
            expected_error: section.expected,
            body: Body::Script {
                statements: section.text,
            },
        });
    }
    Ok(cases)
}

#[derive(Debug, Default)]
struct Section {
    name: Option<String>,
    expected: Option<ExpectedError>,
    text: String,
    lines: usize,
}

impl Section {
    fn add(&mut self, number: usize, line: &str) {
        while self.lines < number {
            self.text.push('\n');
            self.lines += 1;
        }
        self.text.push_str(line);
        self.text.push('\n');
        self.lines += 1;
    }

    /// True where nothing but spaces and comments is there.
    fn is_empty(&self) -> bool {
        crate::sql::completeness(&self.text) == crate::sql::Completeness::Empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_keep_their_places_and_expectations() {
        let text = "-- a comment\n--@test: one\nSELECT 1;\n----@expected.error: not.this\n--@test: two\n\
                    --@expected.error: a.b.C\n--@expected.message: no way\nSELECT 2;\n";
        let cases = load_sql(text, "file").expect("a test file");
        assert_eq!(cases.len(), 2);
        assert_eq!(cases[0].id, "file - one");
        assert_eq!(cases[0].expected_error, None);
        assert_eq!(cases[1].id, "file - two");
        let expected = cases[1].expected_error.clone().expect("an error");
        assert_eq!(expected.class.as_deref(), Some("a.b.C"));
        assert_eq!(expected.message.as_deref(), Some("no way"));
        let Body::Script { statements } = &cases[1].body else {
            panic!("a script is expected");
        };
        assert_eq!(statements.lines().position(|line| line == "SELECT 2;"), Some(7));
    }

    #[test]
    fn a_file_without_sections_is_one_test() {
        let cases = load_sql("SELECT 1;", "file").expect("a test file");
        assert_eq!(cases.len(), 1);
        assert_eq!(cases[0].id, "file");
    }

    #[test]
    fn unknown_directives_and_names_twice_are_refused() {
        let error = load_sql("\n--@tset: one", "file").expect_err("a wrong word");
        assert!(
            error.0.starts_with("line 2: there is no directive `--@tset`"),
            "{error}"
        );
        assert!(load_sql("--@test: a\nSELECT 1;\n--@test: a\nSELECT 1;", "file").is_err());
    }
}
