//! What the table of ksqlDB's aggregates consists of: a name, how it is called, one line for people, and how it is computed.

use std::fmt;
use std::ops::Range;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

use super::accumulator::Accumulator;
use super::limits::AggregateLimits;
use crate::function::definition::FunctionDoc;
use crate::function::signature::{ArgType, Signature, choose};
use crate::types::schema::SqlType;

/// Types that the arguments are turned into, and the type of the result; `None` where the arguments cannot be served.
pub(super) type Rule = fn(&[ArgType]) -> Option<(Vec<SqlType>, SqlType)>;

/// How arguments are checked.
#[derive(Clone, Copy)]
pub(super) enum Typing {
    /// By overloads, as [`Signature`] reads them.
    Overloads(&'static [&'static str]),
    /// By a rule; the texts are for people.
    Rule(Rule, &'static [&'static str]),
}

/// Whether rows can be retracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undo {
    /// Yes.
    Always,
    /// Yes, with a larger state that has to be asked for.
    WhenAsked,
    Never,
}

/// Which arguments are part of the call and not of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literals {
    None,
    /// All but the first.
    AfterFirst,
    Last,
}

impl Literals {
    /// Positions among `count` arguments.
    pub(super) fn positions(self, count: usize) -> Range<usize> {
        match self {
            Self::None => count..count,
            Self::AfterFirst => 1.min(count)..count,
            Self::Last => count.saturating_sub(1)..count,
        }
    }
}

/// A call of an aggregate, with all that decides how it is computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned<'a> {
    pub(super) name: &'a str,
    /// Types of all arguments, as the function wants them.
    pub(super) types: &'a [DataType],
    /// Values of those that are constants.
    pub(super) constants: &'a [Option<ScalarValue>],
    pub(super) result: &'a DataType,
    /// Rows will be retracted.
    pub(super) retracting: bool,
    pub(super) limits: AggregateLimits,
}

impl Planned<'_> {
    /// The literal at a position: a number of at least 1.
    pub(super) fn count(&self, position: usize) -> Result<usize> {
        let count = match self.literal(position)? {
            ScalarValue::Int32(Some(count)) => i64::from(*count),
            ScalarValue::Int64(Some(count)) => *count,
            other => {
                return plan_err!(
                    "parameter {} of {} must be a number, not {other}",
                    position + 1,
                    self.shown()
                );
            }
        };
        match usize::try_from(count) {
            Ok(count) if count > 0 => Ok(count),
            _ => plan_err!(
                "parameter {} of {} must be 1 or greater, not {count}",
                position + 1,
                self.shown()
            ),
        }
    }

    /// The literal at a position: true or false.
    pub(super) fn flag(&self, position: usize) -> Result<bool> {
        match self.literal(position)? {
            ScalarValue::Boolean(Some(flag)) => Ok(*flag),
            other => plan_err!(
                "parameter {} of {} must be true or false, not {other}",
                position + 1,
                self.shown()
            ),
        }
    }

    fn literal(&self, position: usize) -> Result<&ScalarValue> {
        match self.constants.get(position) {
            Some(Some(value)) => Ok(value),
            _ => plan_err!(
                "parameter {} of {} must be a literal: it is the same for all rows",
                position + 1,
                self.shown()
            ),
        }
    }

    fn shown(&self) -> String {
        self.name.to_uppercase()
    }
}

/// Makes the accumulator of a call.
pub(super) type Make = fn(&Planned<'_>) -> Result<Box<dyn Accumulator>>;

/// An aggregate of ksqlDB's.
#[derive(Clone, Copy)]
pub(super) struct Definition {
    /// In lower case.
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) typing: Typing,
    pub(super) literals: Literals,
    pub(super) undo: Undo,
    pub(super) make: Make,
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Definition({})", self.name)
    }
}

impl Definition {
    /// The types that arguments of `types` are turned into, and the type of the result.
    ///
    /// # Errors
    /// When the function does not take such arguments.
    pub(super) fn resolve(&self, types: &[ArgType]) -> Result<(Vec<SqlType>, SqlType)> {
        let resolved = match self.typing {
            Typing::Overloads(overloads) => {
                let signatures: Vec<Signature> = overloads.iter().map(|text| Signature::parse(text)).collect();
                let signatures: Vec<&Signature> = signatures.iter().collect();
                choose(&signatures, types)
                    .ok()
                    .map(|chosen| (chosen.arguments, chosen.returns))
            }
            Typing::Rule(rule, _) => rule(types),
        };
        if let Some(resolved) = resolved {
            return Ok(resolved);
        }
        let given: Vec<String> = types
            .iter()
            .map(|ty| ty.as_ref().map_or_else(|| "null".to_owned(), SqlType::to_string))
            .collect();
        plan_err!(
            "function {} does not accept parameters ({}); it takes {}",
            self.name.to_uppercase(),
            given.join(", "),
            self.signatures().join(", ")
        )
    }

    /// `SUM(INTEGER) -> INTEGER`, ...
    pub(super) fn signatures(&self) -> Vec<String> {
        let name = self.name.to_uppercase();
        match self.typing {
            Typing::Overloads(texts) => texts
                .iter()
                .map(|text| {
                    let signature = Signature::parse(text);
                    format!("{name}{signature} -> {}", signature.returns)
                })
                .collect(),
            Typing::Rule(_, texts) => texts.iter().map(|text| format!("{name}{text}")).collect(),
        }
    }
}

impl From<&Definition> for FunctionDoc {
    fn from(definition: &Definition) -> Self {
        Self {
            name: definition.name.to_uppercase(),
            signatures: definition.signatures(),
            doc: definition.doc.to_owned(),
        }
    }
}
