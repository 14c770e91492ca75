//! Table functions of plugins: all overloads of one name.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;

use super::coerce::{Chosen, choose};
use super::{FunctionInfo, FunctionSource, ScalarFunction};

/// All overloads of one table function.
#[derive(Debug, Clone)]
pub struct OverloadedTable {
    name: String,
    overloads: Vec<Arc<dyn ScalarFunction>>,
}

impl OverloadedTable {
    /// The table function of that name, if a plugin gives one.
    #[must_use]
    pub fn new(source: &dyn FunctionSource, name: &str) -> Option<Self> {
        let overloads = source.table(name);
        Some(Self {
            name: overloads.first()?.info().name.to_ascii_lowercase(),
            overloads,
        })
    }

    /// Its name in SQL, in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The overload that serves arguments of these types.
    ///
    /// # Errors
    /// When none does, or several do equally well.
    pub fn choose(&self, given: &[DataType]) -> Result<(&Arc<dyn ScalarFunction>, Chosen), String> {
        let chosen = choose(&self.name, self.infos(), given)?;
        Ok((&self.overloads[chosen.index], chosen))
    }

    /// What its overloads are.
    pub fn infos(&self) -> impl Iterator<Item = &FunctionInfo> + Clone {
        self.overloads.iter().map(|overload| overload.info())
    }
}
