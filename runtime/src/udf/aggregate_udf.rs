//! Aggregate functions of plugins as `DataFusion` plans and calls them: all overloads of one name are one `AggregateUDF`.
//!
//! Continuous queries ask the function itself ([`OverloadedAggregate::choose`]); queries that `DataFusion` runs get an accumulator here.

use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::compute::filter;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;

use super::coerce::{Chosen, choose, same_code};
use super::{AggregateFunction, AggregateInstance, Error, FunctionInfo, FunctionSource, RowFailure};

/// Told of a row that a function has reported as failed; false: that is to be the end.
pub type LeaveOut = fn(String) -> bool;

/// The aggregate function of that name, if a plugin gives one. Where `DataFusion` runs it, `leave_out` is told of failed rows.
#[must_use]
pub fn aggregate_udf(source: &dyn FunctionSource, name: &str, leave_out: LeaveOut) -> Option<AggregateUDF> {
    let overloads = OverloadedAggregate::new(source.aggregate(name))?;
    Some(AggregateUDF::from(OverloadedAggregate { leave_out, ..overloads }))
}

/// All overloads of one aggregate function.
#[derive(Debug)]
pub struct OverloadedAggregate {
    name: String,
    overloads: Vec<Arc<dyn AggregateFunction>>,
    signature: Signature,
    leave_out: LeaveOut,
}

impl OverloadedAggregate {
    /// One function of the overloads of one name, for which a failed row is the end; `None` where there are none.
    #[must_use]
    pub fn new(overloads: Vec<Arc<dyn AggregateFunction>>) -> Option<Self> {
        Some(Self {
            name: overloads.first()?.info().name.to_ascii_lowercase(),
            overloads,
            signature: Signature::user_defined(Volatility::Immutable),
            leave_out: |_| false,
        })
    }

    /// The overload that serves arguments of these types.
    ///
    /// # Errors
    /// When none does, or several do equally well.
    pub fn choose(&self, given: &[DataType]) -> Result<&Arc<dyn AggregateFunction>> {
        Ok(&self.overloads[self.chosen(given)?.index])
    }

    /// What its overloads are.
    pub fn infos(&self) -> impl Iterator<Item = &FunctionInfo> + Clone {
        self.overloads.iter().map(|overload| overload.info())
    }

    fn chosen(&self, given: &[DataType]) -> Result<Chosen> {
        choose(&self.name, self.infos(), given).or_else(|reason| plan_err!("{reason}"))
    }

    fn one_group(&self, args: &AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let types: Vec<DataType> = args.expr_fields.iter().map(|field| field.data_type().clone()).collect();
        let function = Arc::clone(self.choose(&types)?);
        let constants: Vec<Option<ScalarValue>> = args
            .exprs
            .iter()
            .map(|expr| expr.downcast_ref::<Literal>().map(|literal| literal.value().clone()))
            .collect();
        let instance = function.instance(&constants).map_err(external)?;
        Ok(Box::new(OneGroup {
            version: function.state_version(),
            retracts: function.retracts() && !args.is_distinct,
            instance: Mutex::new(instance),
            seen: args.is_distinct.then(|| Seen::of(&types)).transpose()?,
            leave_out: self.leave_out,
            function,
        }))
    }
}

impl PartialEq for OverloadedAggregate {
    /// The same code, not only the same name: plans are compared by it.
    fn eq(&self, other: &Self) -> bool {
        same_code(&self.overloads, &other.overloads)
    }
}

impl Eq for OverloadedAggregate {}

impl Hash for OverloadedAggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl AggregateUDFImpl for OverloadedAggregate {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.chosen(given)?.types)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(self.choose(given)?.info().returns.clone())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.one_group(&args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.one_group(&args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "state");
        Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))])
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(data_type)
    }
}

/// An instance with a single group, for `DataFusion`.
struct OneGroup {
    /// `DataFusion` wants its accumulators to be `Sync`; the lock is never contended.
    instance: Mutex<Box<dyn AggregateInstance>>,
    version: u32,
    retracts: bool,
    /// The rows that count no more, where each different one counts once.
    seen: Option<Seen>,
    leave_out: LeaveOut,
    function: Arc<dyn AggregateFunction>,
}

/// Rows of arguments, each once, as comparable bytes.
struct Seen {
    converter: RowConverter,
    rows: HashSet<Vec<u8>>,
    bytes: usize,
}

impl Seen {
    fn of(types: &[DataType]) -> Result<Self> {
        let fields = types.iter().cloned().map(SortField::new).collect();
        Ok(Self {
            converter: RowConverter::new(fields)?,
            rows: HashSet::new(),
            bytes: 0,
        })
    }

    /// Those of these rows that were not seen before.
    fn unseen(&mut self, values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let rows = self.converter.convert_columns(values)?;
        let mut mask = Vec::with_capacity(rows.num_rows());
        for row in &rows {
            let is_new = self.rows.insert(row.data().to_vec());
            self.bytes += if is_new { row.data().len() } else { 0 };
            mask.push(is_new);
        }
        let mask = BooleanArray::from(mask);
        let kept = values.iter().map(|column| Ok(filter(column, &mask)?));
        kept.collect()
    }

    /// All rows as one value: for each its length and its bytes.
    fn state(&self) -> Vec<u8> {
        let mut state = Vec::with_capacity(self.bytes + self.rows.len() * LENGTH_BYTES);
        for row in &self.rows {
            state.extend((row.len() as u64).to_le_bytes());
            state.extend(row);
        }
        state
    }

    /// The rows of a [`Seen::state`].
    fn rows_of(&self, mut state: &[u8]) -> Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        let mut rows = Vec::new();
        while let Some((length, rest)) = state.split_first_chunk::<LENGTH_BYTES>() {
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let Some((row, rest)) = rest.split_at_checked(length) else {
                return internal_err!("the state of an aggregate with DISTINCT is cut off");
            };
            rows.push(parser.parse(row));
            state = rest;
        }
        Ok(self.converter.convert_rows(rows)?)
    }
}

/// Bytes of a length in a [`Seen::state`].
const LENGTH_BYTES: usize = 8;

/// The group, and the one that states are loaded into which are to be merged.
const GROUP: u32 = 0;
const LOADED: u32 = 1;

impl fmt::Debug for OneGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OneGroup({:?})", self.instance)
    }
}

impl OneGroup {
    /// Rows that the function says have failed left its state as it was.
    fn left_out(&self, failed: Vec<RowFailure>) -> Result<()> {
        failed.into_iter().try_for_each(|failure| {
            let error = failure.error(self.function.info());
            if (self.leave_out)(error.to_string()) {
                Ok(())
            } else {
                Err(external(error))
            }
        })
    }
}

fn group_of_all(values: &[ArrayRef]) -> Vec<u32> {
    vec![GROUP; values.first().map_or(0, Array::len)]
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let unseen = match &mut self.seen {
            Some(seen) => seen.unseen(values)?,
            None => values.to_vec(),
        };
        let slots = group_of_all(&unseen);
        if slots.is_empty() {
            return Ok(());
        }
        let failed = self.instance.get_mut().update_rows(&slots, &unseen);
        self.left_out(failed.map_err(external)?)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let slots = group_of_all(values);
        let failed = self.instance.get_mut().retract_rows(&slots, values);
        self.left_out(failed.map_err(external)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.retracts
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = self.instance.get_mut().finish(&[GROUP]).map_err(external)?;
        ScalarValue::try_from_array(&value, 0)
    }

    fn size(&self) -> usize {
        let seen = (self.seen.as_ref()).map_or(0, |seen| seen.bytes + seen.rows.capacity() * size_of::<Vec<u8>>());
        size_of_val(self) + self.instance.lock().state_bytes() + seen
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        if let Some(seen) = &self.seen {
            return Ok(vec![ScalarValue::Binary(Some(seen.state()))]);
        }
        let mut states = self.instance.get_mut().save(&[GROUP]).map_err(external)?;
        match states.pop() {
            Some(state) => Ok(vec![ScalarValue::Binary(Some(state))]),
            None => internal_err!("no state was saved"),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if let Some(seen) = &self.seen {
            let states = states[0].as_binary::<i32>().iter().flatten();
            let rows = states.map(|state| seen.rows_of(state)).collect::<Result<Vec<_>>>()?;
            return rows.iter().try_for_each(|rows| self.update_batch(rows));
        }
        let instance = self.instance.get_mut();
        for state in states[0].as_binary::<i32>().iter().flatten() {
            instance
                .load(&[LOADED], &[state.to_vec()], self.version)
                .and_then(|()| instance.merge(&[GROUP], &[LOADED]))
                .map_err(external)?;
        }
        instance.drop_slots(&[LOADED]).map_err(external)
    }
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
