//! A whole script, statement by statement.

use super::{Engine, Error, Outcome};
use crate::sql::{self, Colours};
use crate::types::Class;

/// Why a script stopped. Statements before the one that failed have taken effect.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A statement is wrong or could not be carried out.
    #[error(transparent)]
    Statement(#[from] Error),
    /// The caller could not take an outcome.
    #[error("{0:#}")]
    Outcome(anyhow::Error),
}

impl ScriptError {
    /// For people: SQL errors with their place in the text, which `origin` names.
    #[must_use]
    pub fn render(&self, origin: &str, colours: Colours) -> String {
        match self {
            Self::Statement(Error::Sql(error)) => error.render(origin, colours),
            other => format!("error: {other}"),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Statement(error) => error.class(),
            Self::Outcome(_) => Class::External,
        }
    }
}

impl Engine {
    /// Runs the statements of a script in order; `take` gets what each gives.
    ///
    /// # Errors
    /// At the first statement that is wrong or cannot be carried out; the ones before it have taken effect.
    pub fn run_script(
        &self,
        text: &str,
        mut take: impl FnMut(Outcome) -> anyhow::Result<()>,
    ) -> Result<(), ScriptError> {
        let mut statements = sql::statements(text, &self.variables());
        while let Some(parsed) = statements.next() {
            let parsed = parsed.map_err(Error::from)?;
            let outcome = self.execute(&parsed, statements.source())?;
            take(outcome).map_err(ScriptError::Outcome)?;
        }
        Ok(())
    }
}
