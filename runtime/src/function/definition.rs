//! What the table of functions consists of: a name, one line of documentation, and overloads.
//!
//! A function is one line in the list of its topic (`math::functions()`, ...) and one Rust function per overload.

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::column::Call;
use super::signature::Signature;
use crate::types::schema::SqlType;

/// Computes an overload on a batch.
pub(crate) type Eval = fn(&Call<'_>) -> Result<ArrayRef>;
/// The result type where it depends on more than type variables; `None` where the arguments cannot be served.
pub(crate) type ReturnRule = fn(&[SqlType]) -> Option<SqlType>;

/// One way to call a function.
#[derive(Debug, Clone)]
pub(crate) struct Overload {
    pub(crate) signature: Signature,
    pub(crate) return_rule: Option<ReturnRule>,
    pub(crate) eval: Eval,
}

/// A function.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) volatility: Volatility,
    pub(crate) overloads: Vec<Overload>,
}

/// A function of this lower-case name; `doc` is one line for people.
pub(crate) fn define(name: &'static str, doc: &'static str) -> Definition {
    Definition {
        name,
        doc,
        volatility: Volatility::Immutable,
        overloads: Vec::new(),
    }
}

impl Definition {
    /// Adds an overload, such as `(STRING, INT) -> STRING`.
    pub(crate) fn on(mut self, signature: &str, eval: Eval) -> Self {
        self.overloads.push(Overload {
            signature: Signature::parse(signature),
            return_rule: None,
            eval,
        });
        self
    }

    /// Adds an overload whose result type is computed from the argument types.
    pub(crate) fn on_with(mut self, signature: &str, return_rule: ReturnRule, eval: Eval) -> Self {
        self = self.on(signature, eval);
        if let Some(overload) = self.overloads.last_mut() {
            overload.return_rule = Some(return_rule);
        }
        self
    }

    /// Every call may give another result.
    pub(crate) fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }
}

/// A function as `DESCRIBE FUNCTION` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionDoc {
    /// Its name in upper case.
    pub name: String,
    /// Its overloads: `LEN(STRING) -> INTEGER`.
    pub signatures: Vec<String>,
    /// One line for people.
    pub doc: String,
}

impl From<&Definition> for FunctionDoc {
    fn from(definition: &Definition) -> Self {
        let name = definition.name.to_uppercase();
        Self {
            signatures: (definition.overloads.iter())
                .map(|o| format!("{name}{} -> {}", o.signature, o.signature.returns))
                .collect(),
            doc: definition.doc.to_owned(),
            name,
        }
    }
}
