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

use crate::types::schema::SqlType;
use crate::udf::StreamFunction;

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

    /// The overload for arguments of these types (without the key's), and whether it needs no conversion.
    pub(crate) fn overload(&self, args: &[DataType]) -> Option<&Arc<dyn StreamFunction>> {
        let exact = self
            .overloads
            .iter()
            .find(|f| f.info().args.iter().map(|(_, declared)| declared).eq(args));
        exact.or_else(|| {
            self.overloads.iter().find(|f| {
                let declared = &f.info().args;
                declared.len() == args.len() && declared.iter().zip(args).all(|((_, to), from)| widens(from, to))
            })
        })
    }

    fn describe_overloads(&self) -> String {
        let signature = |f: &Arc<dyn StreamFunction>| {
            let info = f.info();
            let args: Vec<String> = info
                .args
                .iter()
                .map(|(name, data_type)| format!("{name} {}", type_name(data_type)))
                .collect();
            format!("{}({})", info.name, args.join(", "))
        };
        self.overloads.iter().map(signature).collect::<Vec<_>>().join(", ")
    }
}

fn type_name(data_type: &DataType) -> String {
    SqlType::from_arrow(data_type).map_or_else(|| data_type.to_string(), |sql_type| sql_type.to_string())
}

/// Whether a value of type `from` is converted silently to `to`: along INT, BIGINT, DECIMAL, DOUBLE, and from NULL.
fn widens(from: &DataType, to: &DataType) -> bool {
    let rank = |data_type: &DataType| match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => Some(0),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Some(1),
        DataType::Decimal128(..) | DataType::Decimal256(..) => Some(2),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Some(3),
        _ => None,
    };
    if from == to || *from == DataType::Null {
        return true;
    }
    match (rank(from), rank(to)) {
        (Some(from), Some(to)) => from <= to,
        _ => {
            let text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
            text(from) && text(to)
        }
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
        let Some(function) = self.overload(&arg_types[..own]) else {
            let given: Vec<String> = arg_types[..own].iter().map(type_name).collect();
            return plan_err!(
                "function {} does not take ({}); it is {}",
                self.overloads[0].info().name,
                given.join(", "),
                self.describe_overloads()
            );
        };
        let declared = function.info().args.iter().map(|(_, data_type)| data_type.clone());
        Ok(declared.chain(arg_types[own..].iter().cloned()).collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let own = arg_types.len().saturating_sub(self.keys);
        match self.overload(&arg_types[..own]) {
            Some(function) => Ok(function.info().returns.clone()),
            None => plan_err!(
                "no overload of {} takes such arguments; it is {}",
                self.name,
                self.describe_overloads()
            ),
        }
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("stream function {} was left in an expression", self.name)
    }
}

/// The marker inside of a scalar function, if it is one.
pub(crate) fn as_marker(function: &dyn ScalarUDFImpl) -> Option<&StreamMarker> {
    (function as &dyn Any).downcast_ref::<StreamMarker>()
}
