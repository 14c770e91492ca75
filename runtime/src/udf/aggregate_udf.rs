//! Aggregate functions of plugins as `DataFusion` plans and calls them: all overloads of one name are one `AggregateUDF`.
//!
//! Continuous queries ask the function itself ([`OverloadedAggregate::choose`]); queries that `DataFusion` runs get an accumulator here.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use datafusion::physical_expr::expressions::Literal;
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;

use super::coerce::{Chosen, choose, same_code};
use super::{AggregateFunction, AggregateInstance, Error, FunctionInfo, FunctionSource};

/// The aggregate function of that name, if a plugin gives one.
#[must_use]
pub fn aggregate_udf(source: &dyn FunctionSource, name: &str) -> Option<AggregateUDF> {
    OverloadedAggregate::new(source.aggregate(name)).map(AggregateUDF::from)
}

/// All overloads of one aggregate function.
#[derive(Debug)]
pub struct OverloadedAggregate {
    name: String,
    overloads: Vec<Arc<dyn AggregateFunction>>,
    signature: Signature,
}

impl OverloadedAggregate {
    /// One function of the overloads of one name; `None` where there are none.
    #[must_use]
    pub fn new(overloads: Vec<Arc<dyn AggregateFunction>>) -> Option<Self> {
        Some(Self {
            name: overloads.first()?.info().name.to_ascii_lowercase(),
            overloads,
            signature: Signature::user_defined(Volatility::Immutable),
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
        if args.is_distinct {
            return plan_err!(
                "{} with DISTINCT is not supported in a query that ends",
                self.name.to_uppercase()
            );
        }
        let function = Arc::clone(self.choose(&types)?);
        let constants: Vec<Option<ScalarValue>> = args
            .exprs
            .iter()
            .map(|expr| expr.downcast_ref::<Literal>().map(|literal| literal.value().clone()))
            .collect();
        let instance = function.instance(&constants).map_err(external)?;
        Ok(Box::new(OneGroup {
            version: function.state_version(),
            retracts: function.retracts(),
            instance: Mutex::new(instance),
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
}

/// The group, and the one that states are loaded into which are to be merged.
const GROUP: u32 = 0;
const LOADED: u32 = 1;

impl fmt::Debug for OneGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OneGroup({:?})", self.instance)
    }
}

fn group_of_all(values: &[ArrayRef]) -> Vec<u32> {
    vec![GROUP; values.first().map_or(0, Array::len)]
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let slots = group_of_all(values);
        self.instance.get_mut().update(&slots, values).map_err(external)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let slots = group_of_all(values);
        self.instance.get_mut().retract(&slots, values).map_err(external)
    }

    fn supports_retract_batch(&self) -> bool {
        self.retracts
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = self.instance.get_mut().finish(&[GROUP]).map_err(external)?;
        ScalarValue::try_from_array(&value, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut states = self.instance.get_mut().save(&[GROUP]).map_err(external)?;
        match states.pop() {
            Some(state) => Ok(vec![ScalarValue::Binary(Some(state))]),
            None => internal_err!("no state was saved"),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
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
