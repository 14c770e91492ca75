//! A whole script, statement by statement.

use super::{Engine, Error, Outcome};
use crate::sql::ast::Statement;
use crate::sql::{self, Colours};
use crate::types::Class;
use crate::types::limits::SCRIPT_DEPTH_MAX;

/// Why a script stopped. Statements before the one that failed have taken effect.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A statement is wrong or could not be carried out.
    #[error(transparent)]
    Statement(#[from] Error),
    /// A script that RUN SCRIPT named is wrong.
    #[error("{file}: {error}")]
    Nested {
        /// The file, as it was named.
        file: String,
        /// What is wrong there.
        error: Box<ScriptError>,
    },
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
            Self::Nested { file, error } => error.render(file, colours),
            other => format!("error: {other}"),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Statement(error) => error.class(),
            Self::Nested { error, .. } => error.class(),
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
        self.nested_script(text, &mut take, 0)
    }

    fn nested_script(
        &self,
        text: &str,
        take: &mut dyn FnMut(Outcome) -> anyhow::Result<()>,
        depth: usize,
    ) -> Result<(), ScriptError> {
        let mut statements = sql::statements(text, &self.variables());
        while let Some(parsed) = statements.next() {
            let parsed = parsed.map_err(Error::from)?;
            if let Statement::RunScript { file, span } = &parsed.statement {
                let place = |error: Error| error.at(*span).placed(statements.source(), *span);
                if depth == SCRIPT_DEPTH_MAX {
                    let message = format!("scripts run each other more than {SCRIPT_DEPTH_MAX} deep");
                    return Err(place(Error::user("run-script", message)).into());
                }
                let text = std::fs::read_to_string(file)
                    .map_err(|error| place(Error::user("run-script", format!("cannot read {file}: {error}"))))?;
                self.nested_script(&text, take, depth + 1)
                    .map_err(|error| match error {
                        // Of what the caller has to say the file is no part.
                        ScriptError::Outcome(_) => error,
                        error => ScriptError::Nested {
                            file: file.clone(),
                            error: Box::new(error),
                        },
                    })?;
                statements.set_variables(&self.variables());
                continue;
            }
            let outcome = self.execute(&parsed, statements.source())?;
            take(outcome).map_err(ScriptError::Outcome)?;
        }
        Ok(())
    }
}
