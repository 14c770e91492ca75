//! ksqlDB's aggregates as DataFusion's: for planning, and for queries that DataFusion itself runs.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator as DfAccumulator, AggregateUDFImpl, GroupsAccumulator, Signature as DfSignature, Volatility,
};
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;

use super::accumulator::Accumulator;
use super::definition::{Definition, Planned, Undo};
use super::distinct::Distinct;
use super::limits::AggregateLimits;
use super::many_groups::ManyGroups;
use crate::function::signature::ArgType;
use crate::function::udf::{argument_type, canonical};

/// An aggregate of ksqlDB's, as DataFusion sees it.
#[derive(Debug, Clone)]
pub(super) struct KsqlAggregate {
    pub(super) definition: Definition,
    pub(super) limits: AggregateLimits,
    df_signature: DfSignature,
}

impl KsqlAggregate {
    pub(super) fn new(definition: Definition, limits: AggregateLimits) -> Self {
        Self {
            definition,
            limits,
            df_signature: DfSignature::user_defined(Volatility::Immutable),
        }
    }

    fn argument_types(&self, types: &[DataType]) -> Result<Vec<ArgType>> {
        types.iter().map(|ty| argument_type(self.definition.name, ty)).collect()
    }

    /// The accumulator of a call; with `distinct` it sees each row of arguments once.
    pub(super) fn make(
        &self,
        types: &[DataType],
        constants: &[Option<ScalarValue>],
        result: &DataType,
        retracting: bool,
        distinct: bool,
    ) -> Result<Box<dyn Accumulator>> {
        let accumulator = (self.definition.make)(&Planned {
            name: self.definition.name,
            types,
            constants,
            result,
            retracting,
            limits: self.limits,
        })?;
        if !distinct {
            return Ok(accumulator);
        }
        let inputs = self.inputs(constants);
        Ok(Distinct::boxed(
            accumulator,
            inputs.iter().map(|input| types[*input].clone()).collect(),
        ))
    }

    /// Which arguments the accumulator wants to see: those that are not part of the call, and none to count rows.
    pub(super) fn inputs(&self, constants: &[Option<ScalarValue>]) -> Vec<usize> {
        let literals = self.definition.literals.positions(constants.len());
        (0..constants.len())
            .filter(|position| !literals.contains(position))
            .filter(|position| {
                let counts_rows = self.definition.name == "count"
                    && constants[*position].as_ref().is_some_and(|value| !value.is_null());
                !counts_rows
            })
            .collect()
    }

    fn row_accumulator(&self, args: &AccumulatorArgs<'_>, retracting: bool) -> Result<Box<dyn DfAccumulator>> {
        let (types, constants) = (types_of(args), constants_of(args));
        let inner = self.make(&types, &constants, args.return_type(), retracting, args.is_distinct)?;
        Ok(Box::new(OneGroup {
            inner: Mutex::new(inner),
            inputs: self.inputs(&constants),
            retracts: self.definition.undo == Undo::Always || retracting,
        }))
    }

    fn groups_accumulator(&self, args: &AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let (types, constants) = (types_of(args), constants_of(args));
        let inputs = self.inputs(&constants);
        let (result, distinct) = (args.return_type().clone(), args.is_distinct);
        let function = self.clone();
        let make = move || function.make(&types, &constants, &result, false, distinct);
        Ok(Box::new(ManyGroups::new(Box::new(make), inputs)?))
    }
}

fn types_of(args: &AccumulatorArgs<'_>) -> Vec<DataType> {
    args.expr_fields.iter().map(|field| field.data_type().clone()).collect()
}

fn constants_of(args: &AccumulatorArgs<'_>) -> Vec<Option<ScalarValue>> {
    args.exprs
        .iter()
        .map(|expr| expr.downcast_ref::<Literal>().map(|literal| literal.value().clone()))
        .collect()
}

impl PartialEq for KsqlAggregate {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name && self.limits == other.limits
    }
}

impl Eq for KsqlAggregate {}

impl Hash for KsqlAggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
        self.limits.hash(state);
    }
}

impl AggregateUDFImpl for KsqlAggregate {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn signature(&self) -> &DfSignature {
        &self.df_signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let given = self.argument_types(arg_types)?;
        let (wanted, _) = self.definition.resolve(&given)?;
        // What any type will do for stays as it is, so that COUNT casts nothing.
        Ok(wanted
            .iter()
            .zip(arg_types)
            .map(|(wanted, given)| {
                if *given == DataType::Null {
                    wanted.to_arrow()
                } else if canonical(given) == wanted.to_arrow() {
                    canonical(given)
                } else {
                    wanted.to_arrow()
                }
            })
            .collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let given = self.argument_types(arg_types)?;
        Ok(self.definition.resolve(&given)?.1.to_arrow())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn DfAccumulator>> {
        self.row_accumulator(&args, false)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn DfAccumulator>> {
        self.row_accumulator(&args, self.definition.undo == Undo::WhenAsked)
    }

    /// For states of a fixed size alone: DataFusion asks for the size of all states with every batch.
    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        let is_fixed = match self.definition.name {
            "avg" | "correlation" | "count" | "stddev_samp" | "stddev_sample" | "sum" | "sum_list" => true,
            "min" | "max" => args.expr_fields.iter().all(|field| field.data_type().is_primitive()),
            _ => false,
        };
        is_fixed && !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        self.groups_accumulator(&args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "state");
        Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))])
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        match self.definition.name {
            "count" | "count_distinct" => Ok(ScalarValue::Int64(Some(0))),
            _ => ScalarValue::try_from(data_type),
        }
    }
}

/// One of our accumulators as one of DataFusion's, with a single group.
struct OneGroup {
    /// DataFusion wants its accumulators to be `Sync`; the lock is never contended.
    inner: Mutex<Box<dyn Accumulator>>,
    inputs: Vec<usize>,
    retracts: bool,
}

/// The group, and one to load states into that are to be merged.
const GROUP: u32 = 0;
const LOADED: u32 = 1;

impl fmt::Debug for OneGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OneGroup({:?})", self.inputs)
    }
}

impl OneGroup {
    fn inner(&mut self) -> &mut Box<dyn Accumulator> {
        self.inner.get_mut()
    }

    fn feed(&mut self, values: &[ArrayRef], weight: Option<i8>) -> Result<()> {
        let rows = values.first().map_or(0, Array::len);
        let args: Vec<ArrayRef> = self.inputs.iter().map(|input| Arc::clone(&values[*input])).collect();
        let weights = weight.map(|weight| vec![weight; rows]);
        self.inner()
            .update(&args, &vec![GROUP; rows], weights.as_deref(), GROUP as usize + 1)
    }
}

impl DfAccumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.feed(values, None)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.feed(values, Some(-1))
    }

    fn supports_retract_batch(&self) -> bool {
        self.retracts
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = self.inner().evaluate(&[GROUP])?;
        ScalarValue::try_from_array(&value, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.inner.lock().state_bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut state = Vec::new();
        self.inner().save(GROUP, &mut state)?;
        Ok(vec![ScalarValue::Binary(Some(state))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states[0].as_binary::<i32>().iter().flatten() {
            self.inner().load(LOADED, state)?;
            self.inner().merge(GROUP, LOADED)?;
        }
        self.inner().reset(LOADED);
        Ok(())
    }
}
