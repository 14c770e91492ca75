//! Scalar functions of plugins as `DataFusion` calls them: all overloads of one name are one `ScalarUDF`.
//!
//! `DataFusion` asks for the types of the arguments that the chosen overload takes and casts to them; errors of a function
//! travel inside of `DataFusionError::External`, where `source()` finds the [`Error`].

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use datafusion::scalar::ScalarValue;

use super::coerce::{CallForm, Chosen, choose, same_code};
use super::{Error, FunctionInfo, FunctionSource, ScalarFunction, Volatility};

/// The scalar function of that name, if a plugin gives one.
#[must_use]
pub fn scalar_udf(source: &dyn FunctionSource, name: &str) -> Option<ScalarUDF> {
    OverloadedFunction::new(source.scalar(name)).map(ScalarUDF::from)
}

/// All overloads of one scalar function.
#[derive(Debug)]
pub struct OverloadedFunction {
    name: String,
    overloads: Vec<Arc<dyn ScalarFunction>>,
    signature: Signature,
}

impl OverloadedFunction {
    /// One function of the overloads of one name; `None` where there are none.
    #[must_use]
    pub fn new(overloads: Vec<Arc<dyn ScalarFunction>>) -> Option<Self> {
        let name = overloads.first()?.info().name.to_ascii_lowercase();
        // DataFusion asks before it has chosen an overload, so the least certain one speaks for all.
        let volatility = overloads
            .iter()
            .map(|overload| match overload.info().volatility {
                Volatility::Immutable => (0, datafusion::logical_expr::Volatility::Immutable),
                Volatility::Stable => (1, datafusion::logical_expr::Volatility::Stable),
                Volatility::Volatile => (2, datafusion::logical_expr::Volatility::Volatile),
            })
            .max_by_key(|(rank, _)| *rank)?
            .1;
        Some(Self {
            name,
            overloads,
            signature: Signature::user_defined(volatility),
        })
    }

    /// What its overloads are.
    pub fn infos(&self) -> impl Iterator<Item = &FunctionInfo> + Clone {
        self.overloads.iter().map(|overload| overload.info())
    }

    /// Sets the overload that serves arguments of these types up with the constants among them.
    ///
    /// # Errors
    /// When no overload serves them, an argument is no constant that must be one, or the function refuses one.
    pub fn set_up(&self, given: &[DataType], constants: &[Option<ScalarValue>]) -> Result<()> {
        self.choose(given)?.0.set_up(constants).map_err(external)
    }

    fn choose(&self, given: &[DataType]) -> Result<(&Arc<dyn ScalarFunction>, Chosen)> {
        match choose(&self.name, self.infos(), given) {
            Ok(chosen) => Ok((&self.overloads[chosen.index], chosen)),
            Err(reason) => plan_err!("{reason}"),
        }
    }
}

impl PartialEq for OverloadedFunction {
    /// The same code, not only the same name: plans are compared by it.
    fn eq(&self, other: &Self) -> bool {
        same_code(&self.overloads, &other.overloads)
    }
}

impl Eq for OverloadedFunction {}

impl Hash for OverloadedFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for OverloadedFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn is_strict(&self) -> bool {
        self.overloads.iter().all(|overload| overload.info().null_in_null_out)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.choose(given)?.1.types)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(self.choose(given)?.0.info().returns.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let (function, chosen) = self.choose(&types)?;
        if chosen.form != CallForm::Whole {
            return internal_err!("planning did not complete the arguments of {}", self.name);
        }
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(args.args.len());
        let mut constant = Vec::with_capacity(args.args.len());
        for arg in args.args {
            constant.push(matches!(arg, ColumnarValue::Scalar(_)));
            arrays.push(match arg {
                ColumnarValue::Array(array) => array,
                ColumnarValue::Scalar(value) => value.to_array()?,
            });
        }
        // Constants alone give a constant, unless every call may give another value.
        let one = constant.iter().all(|c| *c) && function.info().volatility != Volatility::Volatile;
        let rows = if one { 1 } else { args.number_rows };
        let values = function.call(&arrays, &constant, rows).map_err(external)?;
        if values.len() != rows {
            return internal_err!("{} gave {} values for {rows} rows", self.name, values.len());
        }
        if one {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?));
        }
        Ok(ColumnarValue::Array(values))
    }
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
