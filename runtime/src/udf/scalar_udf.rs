//! Scalar functions of plugins as `DataFusion` calls them: all overloads of one name are one `ScalarUDF`.
//!
//! A row on which the function fails is an error of the batch, or, where somebody takes note of such rows, NULL.
//!
//! `DataFusion` asks for the types of the arguments that the chosen overload takes and casts to them; errors of a function
//! travel inside of `DataFusionError::External`, where `source()` finds the [`Error`].

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use datafusion::scalar::ScalarValue;

use super::aggregate_udf::LeaveOut;
use super::coerce::{CallForm, Chosen, choose, same_code};
use super::{Error, FunctionInfo, FunctionSource, RowFailure, ScalarFunction, Volatility};

/// The scalar function of that name, if a plugin gives one. `leave_out` is told of failed rows, which are NULL where it takes note.
#[must_use]
pub fn scalar_udf(source: &dyn FunctionSource, name: &str, leave_out: LeaveOut) -> Option<ScalarUDF> {
    let function = OverloadedFunction::new(source.scalar(name))?;
    Some(ScalarUDF::from(OverloadedFunction { leave_out, ..function }))
}

/// All overloads of one scalar function.
#[derive(Debug)]
pub struct OverloadedFunction {
    name: String,
    overloads: Vec<Arc<dyn ScalarFunction>>,
    signature: Signature,
    leave_out: LeaveOut,
}

/// Rows of one call.
struct Rows<'a> {
    args: &'a [ArrayRef],
    constant: &'a [bool],
    count: usize,
}

impl Rows<'_> {
    /// `count` rows from `start` on.
    fn args_of(&self, start: usize, count: usize) -> Vec<ArrayRef> {
        let args = self.args.iter().zip(self.constant);
        args.map(|(arg, constant)| {
            if *constant {
                Arc::clone(arg)
            } else {
                arg.slice(start, count)
            }
        })
        .collect()
    }
}

impl OverloadedFunction {
    /// One function of the overloads of one name, for which a failed row is an error; `None` where there are none.
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
            leave_out: |_| false,
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

    /// The values of all rows. Where note is taken of rows that failed they are NULL, and so is one that made the guest trap, if it is known which.
    fn call(&self, function: &dyn ScalarFunction, rows: &Rows<'_>) -> Result<ArrayRef> {
        let mut parts: Vec<ArrayRef> = Vec::new();
        let mut done = 0;
        // A row that traps and was noted. What is before it goes with the trap, and is called once more.
        let mut trapped = None;
        // Rows of the next call: few behind one that trapped, as the next ones may, too, and then more again.
        let mut reach = rows.count;
        // Once at least, also for no rows.
        while done < rows.count || parts.is_empty() {
            if trapped == Some(done) {
                parts.push(new_null_array(&function.info().returns, 1));
                (done, trapped) = (done + 1, None);
                continue;
            }
            let end = trapped.unwrap_or_else(|| rows.count.min(done.saturating_add(reach)));
            let slices;
            let args = if end - done == rows.count {
                rows.args
            } else {
                slices = rows.args_of(done, end - done);
                &slices
            };
            match function.call_rows(args, rows.constant, end - done) {
                Ok(outcome) => {
                    self.left_out(function, outcome.failed)?;
                    parts.push(outcome.values);
                    (done, reach) = (end, reach.saturating_mul(2));
                }
                Err(error) => match &error {
                    Error::Trap { row: Some(row), .. } if (self.leave_out)(error.to_string()) => {
                        (trapped, reach) = (Some(done + *row as usize), 1);
                    }
                    _ => return Err(external(error)),
                },
            }
        }
        if parts.len() == 1 {
            return Ok(parts.swap_remove(0));
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(concat(&parts)?)
    }

    /// Takes note of the rows that the function says have failed; an error where nobody does.
    fn left_out(&self, function: &dyn ScalarFunction, failed: Vec<RowFailure>) -> Result<()> {
        failed.into_iter().try_for_each(|failure| {
            let error = failure.error(function.info());
            if (self.leave_out)(error.to_string()) {
                Ok(())
            } else {
                Err(external(error))
            }
        })
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
        let given = Rows {
            args: &arrays,
            constant: &constant,
            count: rows,
        };
        let values = self.call(&**function, &given)?;
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
