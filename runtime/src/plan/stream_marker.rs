//! How a stream function travels through DataFusion's planner: as a volatile scalar function whose arguments are the
//! function's own, then the key's.
//!
//! DataFusion must neither move, merge nor evaluate such a call; lowering takes it out of the expression and puts an
//! operator with state in its place. So the marker refuses to be invoked.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use crate::udf::{Chosen, FunctionInfo, StreamFunction, choose};

/// Stands between a stream function's name and the number of its key columns in a marker's name.
const SEPARATOR: &str = "@over";

/// The name under which rewriting hides a stream function with `keys` key expressions.
pub(crate) fn marker_name(function: &str, keys: usize) -> String {
    format!("{function}{SEPARATOR}{keys}")
}

/// The function's name and the number of its key expressions, where `name` is a marker's.
pub(crate) fn parse_marker_name(name: &str) -> Option<(&str, usize)> {
    let (function, keys) = name.rsplit_once(SEPARATOR)?;
    Some((function, keys.parse().ok()?))
}

/// A call of a stream function with its last `keys` arguments as the key.
#[derive(Debug)]
pub(crate) struct StreamMarker {
    name: String,
    overloads: Vec<Arc<dyn StreamFunction>>,
    pub(crate) keys: usize,
    signature: Signature,
}

impl StreamMarker {
    pub(crate) fn new(function: &str, overloads: &[Arc<dyn StreamFunction>], keys: usize) -> Self {
        Self {
            name: marker_name(function, keys),
            overloads: overloads.to_vec(),
            keys,
            signature: Signature::user_defined(Volatility::Volatile),
        }
    }

    /// What its overloads are.
    pub(crate) fn infos(&self) -> impl Iterator<Item = &FunctionInfo> + Clone {
        self.overloads.iter().map(|overload| overload.info())
    }

    /// The overload for arguments of these types (without the key's).
    pub(crate) fn overload(&self, args: &[DataType]) -> Result<&Arc<dyn StreamFunction>> {
        Ok(&self.overloads[self.chosen(args)?.index])
    }

    fn chosen(&self, args: &[DataType]) -> Result<Chosen> {
        choose(&self.overloads[0].info().name, self.infos(), args).or_else(|reason| plan_err!("{reason}"))
    }
}

impl PartialEq for StreamMarker {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for StreamMarker {}

impl Hash for StreamMarker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for StreamMarker {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let Some(own) = arg_types.len().checked_sub(self.keys) else {
            return internal_err!("a stream function lost its key");
        };
        let declared = self.chosen(&arg_types[..own])?.types;
        Ok(declared.into_iter().chain(arg_types[own..].iter().cloned()).collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let own = arg_types.len().saturating_sub(self.keys);
        Ok(self.overload(&arg_types[..own])?.info().returns.clone())
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("stream function {} was left in an expression", self.name)
    }
}

/// The marker inside of a scalar function, if it is one.
pub(crate) fn as_marker(function: &dyn ScalarUDFImpl) -> Option<&StreamMarker> {
    (function as &dyn Any).downcast_ref::<StreamMarker>()
}
