//! What is printed of verdicts: failed cases for people, or one JSON object a case.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Map, Value};

use crate::cli::arguments::TestOutput;
use crate::engine::case::{Case, Refusal, Verdict};

/// Counts and prints verdicts.
#[derive(Debug)]
pub(super) struct Report<W> {
    output: TestOutput,
    out: W,
    passed: usize,
    failed: usize,
    skipped: BTreeMap<String, usize>,
    refused: usize,
    in_place: usize,
    messages: usize,
    messages_matched: usize,
}

impl<W: Write> Report<W> {
    pub(super) fn new(output: TestOutput, out: W) -> Self {
        Self {
            output,
            out,
            passed: 0,
            failed: 0,
            skipped: BTreeMap::new(),
            refused: 0,
            in_place: 0,
            messages: 0,
            messages_matched: 0,
        }
    }

    /// Counts a verdict and prints what is said of it by itself.
    pub(super) fn add(&mut self, case: &Case, verdict: Verdict) -> std::io::Result<()> {
        let (outcome, reason, refusal) = match verdict {
            Verdict::Passed(refusal) => {
                self.passed += 1;
                ("passed", None, refusal)
            }
            Verdict::Failed(reason, refusal) => {
                self.failed += 1;
                ("failed", Some(reason), refusal)
            }
            Verdict::Skipped(reason) => {
                *self.skipped.entry(reason.clone()).or_default() += 1;
                ("skipped", Some(reason), None)
            }
        };
        if let Some(refusal) = &refusal {
            self.count(refusal);
        }
        match self.output {
            TestOutput::Text if outcome == "failed" => {
                let reason = reason.unwrap_or_default().replace('\n', "\n  ");
                writeln!(self.out, "failed: {}\n  {reason}", case.id)
            }
            TestOutput::Text => Ok(()),
            TestOutput::Json => {
                let mut fields = Map::new();
                fields.insert("id".into(), case.id.clone().into());
                fields.insert("outcome".into(), outcome.into());
                if let Some(reason) = reason {
                    fields.insert("reason".into(), reason.into());
                }
                if let Some(refusal) = refusal {
                    fields.insert("error".into(), refusal.message.into());
                    fields.insert("error_in_place".into(), refusal.in_place.into());
                    if let Some(matches) = refusal.message_matches {
                        fields.insert("error_message_matches".into(), matches.into());
                    }
                }
                writeln!(self.out, "{}", Value::Object(fields))
            }
        }
    }

    fn count(&mut self, refusal: &Refusal) {
        self.refused += 1;
        self.in_place += usize::from(refusal.in_place);
        if let Some(matches) = refusal.message_matches {
            self.messages += 1;
            self.messages_matched += usize::from(matches);
        }
    }

    /// Prints the sums; gives the number of failed cases.
    pub(super) fn finish(mut self) -> std::io::Result<usize> {
        let mut lines = Vec::new();
        for (reason, count) in &self.skipped {
            lines.push(format!("{count} skipped: {reason}"));
        }
        if self.refused > 0 {
            lines.push(format!(
                "{} expected errors: {} at the right statement, {} of {} with the expected message",
                self.refused, self.in_place, self.messages_matched, self.messages
            ));
        }
        lines.push(format!("{} passed, {} failed", self.passed, self.failed));
        for line in lines {
            match self.output {
                TestOutput::Text => writeln!(self.out, "{line}")?,
                TestOutput::Json => crate::cli::report(&line),
            }
        }
        self.out.flush()?;
        Ok(self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::case::Body;

    fn case(id: &str) -> Case {
        Case {
            id: id.into(),
            skip: None,
            expected_error: None,
            body: Body::Script {
                statements: String::new(),
            },
        }
    }

    fn printed(output: TestOutput) -> (String, usize) {
        let mut out = Vec::new();
        let mut report = Report::new(output, &mut out);
        let refusal = Refusal {
            in_place: true,
            message_matches: Some(false),
            message: "no".into(),
        };
        let verdicts = [
            ("a", Verdict::Passed(None)),
            ("b", Verdict::Failed("x\ny".into(), None)),
            ("c", Verdict::Skipped("needs z".into())),
            ("d", Verdict::Passed(Some(refusal))),
        ];
        for (id, verdict) in verdicts {
            report.add(&case(id), verdict).expect("written");
        }
        let failed = report.finish().expect("written");
        (String::from_utf8(out).expect("text"), failed)
    }

    #[test]
    fn failed_cases_and_sums_for_people() {
        let (text, failed) = printed(TestOutput::Text);
        assert_eq!(failed, 1);
        assert_eq!(
            text,
            "failed: b\n  x\n  y\n1 skipped: needs z\n1 expected errors: 1 at the right statement, 0 of 1 with the \
             expected message\n2 passed, 1 failed\n"
        );
    }

    #[test]
    fn one_object_a_case_for_scripts() {
        let (text, _) = printed(TestOutput::Json);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1], r#"{"id":"b","outcome":"failed","reason":"x\ny"}"#);
        assert_eq!(
            lines[3],
            r#"{"id":"d","outcome":"passed","error":"no","error_in_place":true,"error_message_matches":false}"#
        );
    }
}
