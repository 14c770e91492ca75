//! DataFusion's aggregates: one of its accumulators for each group.
//!
//! DataFusion's accumulators for many groups at once give their results away when asked for them, and only from the first
//! group on; a continuous query asks again and again, for the groups that changed. So the accumulators for one group serve here.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array};
use datafusion::arrow::compute::{SortOptions, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator as DfAccumulator, AggregateUDF};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;

use super::accumulator::Accumulator;
use super::codec::{Decoder, Encoder, is_supported};
use super::state_reader::{StateReader, damaged};

/// How an aggregate was called, as DataFusion wants to hear it.
#[derive(Debug, Clone)]
pub(super) struct Factory {
    function: Arc<AggregateUDF>,
    name: String,
    schema: Schema,
    /// Arguments, then what ORDER BY inside of the call names.
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    fields: Vec<FieldRef>,
    order_by: Vec<PhysicalSortExpr>,
    return_field: FieldRef,
    ignore_nulls: bool,
}

/// The parts of a call that [`Factory`] is made of.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) function: &'a Arc<AggregateUDF>,
    /// Types of the arguments, and of what ORDER BY names after them.
    pub(super) types: &'a [DataType],
    /// Values of those arguments that are constants.
    pub(super) constants: &'a [Option<ScalarValue>],
    /// One for each type at the end of `types`.
    pub(super) order: &'a [SortOptions],
    pub(super) ignore_nulls: bool,
    pub(super) result: &'a DataType,
}

impl Factory {
    pub(super) fn new(call: &Call<'_>) -> Self {
        let fields: Vec<FieldRef> = call
            .types
            .iter()
            .enumerate()
            .map(|(index, data_type)| Arc::new(Field::new(format!("arg{index}"), data_type.clone(), true)))
            .collect();
        let exprs: Vec<Arc<dyn PhysicalExpr>> = (0..fields.len())
            .map(|index| match call.constants.get(index) {
                Some(Some(value)) => Arc::new(Literal::new(value.clone())) as Arc<dyn PhysicalExpr>,
                _ => Arc::new(Column::new(fields[index].name(), index)),
            })
            .collect();
        let arguments = fields.len() - call.order.len();
        let order_by = exprs[arguments..]
            .iter()
            .zip(call.order)
            .map(|(expr, options)| PhysicalSortExpr::new(Arc::clone(expr), *options))
            .collect();
        Self {
            function: Arc::clone(call.function),
            name: call.function.name().to_owned(),
            schema: Schema::new(fields.clone()),
            exprs: exprs[..arguments].to_vec(),
            fields: fields[..arguments].to_vec(),
            order_by,
            return_field: Arc::new(Field::new("result", call.result.clone(), true)),
            ignore_nulls: call.ignore_nulls,
        }
    }

    /// An accumulator that has seen nothing; with `sliding` one that can take rows back.
    pub(super) fn make(&self, sliding: bool) -> Result<Box<dyn DfAccumulator>> {
        let args = AccumulatorArgs {
            return_field: Arc::clone(&self.return_field),
            schema: &self.schema,
            ignore_nulls: self.ignore_nulls,
            order_bys: &self.order_by,
            is_reversed: false,
            name: &self.name,
            is_distinct: false,
            exprs: &self.exprs,
            expr_fields: &self.fields,
        };
        if sliding {
            self.function.create_sliding_accumulator(args)
        } else {
            self.function.accumulator(args)
        }
    }

    pub(super) fn result(&self) -> &DataType {
        self.return_field.data_type()
    }

    /// Types of the parts of a state.
    fn state_types(&self) -> Result<Vec<DataType>> {
        let ordering: Vec<FieldRef> = self
            .order_by
            .iter()
            .map(|sort| {
                let data_type = sort.expr.data_type(&self.schema)?;
                Ok(Arc::new(Field::new("order", data_type, true)))
            })
            .collect::<Result<_>>()?;
        let fields = self.function.state_fields(StateFieldsArgs {
            name: &self.name,
            input_fields: &self.fields,
            return_field: Arc::clone(&self.return_field),
            ordering_fields: &ordering,
            is_distinct: false,
        })?;
        Ok(fields.iter().map(|field| field.data_type().clone()).collect())
    }
}

/// One of DataFusion's accumulators for each group that saw a row.
pub(super) struct RowAccumulators {
    factory: Factory,
    sliding: bool,
    state_types: Vec<DataType>,
    groups: Vec<Option<Box<dyn DfAccumulator>>>,
}

impl fmt::Debug for RowAccumulators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RowAccumulators({}, {} groups)",
            self.factory.name,
            self.groups.len()
        )
    }
}

impl RowAccumulators {
    /// With `sliding` rows can be retracted, where the function's accumulators can.
    ///
    /// # Errors
    /// When DataFusion cannot make one, or its states are of types that cannot be kept.
    pub(super) fn new(factory: Factory, sliding: bool) -> Result<Self> {
        factory.make(sliding)?;
        let state_types = factory.state_types()?;
        state_types.iter().try_for_each(is_supported)?;
        Ok(Self {
            factory,
            sliding,
            state_types,
            groups: Vec::new(),
        })
    }

    fn grow(&mut self, count: usize) {
        if self.groups.len() < count {
            self.groups.resize_with(count, || None);
        }
    }

    fn of(&mut self, group: u32) -> Result<&mut Box<dyn DfAccumulator>> {
        self.grow(group as usize + 1);
        let slot = &mut self.groups[group as usize];
        if slot.is_none() {
            *slot = Some(self.factory.make(self.sliding)?);
        }
        Ok(slot.as_mut().expect("it was made above"))
    }

    /// The state of a group as columns of one row. Accumulators may give their state away, so a new one takes its place.
    fn state(&mut self, group: u32) -> Result<Vec<ArrayRef>> {
        let state = self
            .of(group)?
            .state()?
            .into_iter()
            .map(|value| value.to_array())
            .collect::<Result<Vec<_>>>()?;
        self.groups[group as usize] = None;
        self.of(group)?.merge_batch(&state)?;
        Ok(state)
    }

    fn feed(&mut self, group: u32, args: &[ArrayRef], weight: i8) -> Result<()> {
        let accumulator = self.of(group)?;
        if weight < 0 {
            accumulator.retract_batch(args)
        } else {
            accumulator.update_batch(args)
        }
    }
}

impl Accumulator for RowAccumulators {
    fn update(&mut self, args: &[ArrayRef], groups: &[u32], weights: Option<&[i8]>, group_count: usize) -> Result<()> {
        self.grow(group_count);
        let weight = |row: usize| weights.map_or(1, |weights| weights[row]);
        let is_one_run = |first: usize| {
            groups.iter().all(|group| *group == groups[first]) && weights.is_none_or(|w| w.iter().all(|w| *w > 0))
        };
        if groups.is_empty() {
            return Ok(());
        }
        if is_one_run(0) {
            return self.feed(groups[0], args, 1);
        }
        // Rows of a group stand together after this, and keep their order.
        let mut order: Vec<u32> = (0..groups.len() as u32).collect();
        order.sort_by_key(|row| groups[*row as usize]);
        let positions = UInt32Array::from(order.clone());
        let args = args
            .iter()
            .map(|arg| Ok(take(arg, &positions, None)?))
            .collect::<Result<Vec<_>>>()?;
        let key = |at: usize| {
            let row = order[at] as usize;
            (groups[row], weight(row))
        };
        let mut start = 0;
        while start < order.len() {
            let (group, sign) = key(start);
            let end = (start + 1..order.len())
                .find(|at| key(*at) != (group, sign))
                .unwrap_or(order.len());
            let run: Vec<ArrayRef> = args.iter().map(|arg| arg.slice(start, end - start)).collect();
            self.feed(group, &run, sign)?;
            start = end;
        }
        Ok(())
    }

    fn evaluate(&mut self, groups: &[u32]) -> Result<ArrayRef> {
        if groups.is_empty() {
            return Ok(new_empty_array(self.factory.result()));
        }
        let values = groups
            .iter()
            .map(|group| self.of(*group)?.evaluate())
            .collect::<Result<Vec<_>>>()?;
        as_result(ScalarValue::iter_to_array(values)?, self.factory.result())
    }

    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let state = self.state(from)?;
        self.of(into)?.merge_batch(&state)
    }

    fn reset(&mut self, group: u32) {
        if let Some(slot) = self.groups.get_mut(group as usize) {
            *slot = None;
        }
    }

    fn save(&mut self, group: u32, out: &mut Vec<u8>) -> Result<()> {
        for part in self.state(group)? {
            Encoder::new(&part)?.write(0, out);
        }
        Ok(())
    }

    fn load(&mut self, group: u32, bytes: &[u8]) -> Result<()> {
        let mut reader = StateReader::new(bytes);
        let state = self
            .state_types
            .iter()
            .map(|data_type| {
                let mut decoder = Decoder::new(data_type)?;
                decoder.append(&mut reader)?;
                decoder.finish()
            })
            .collect::<Result<Vec<_>>>()?;
        if !reader.is_empty() {
            return Err(damaged());
        }
        self.reset(group);
        self.of(group)?.merge_batch(&state)
    }

    fn state_bytes(&self) -> usize {
        let inside: usize = self.groups.iter().flatten().map(|accumulator| accumulator.size()).sum();
        self.groups.capacity() * size_of::<Option<Box<dyn DfAccumulator>>>() + inside
    }
}

/// Results in the very type that was planned; functions differ in the names that they give to parts of lists.
pub(super) fn as_result(array: ArrayRef, result: &DataType) -> Result<ArrayRef> {
    if array.data_type() == result {
        return Ok(array);
    }
    Ok(datafusion::arrow::compute::cast(&array, result)?)
}
