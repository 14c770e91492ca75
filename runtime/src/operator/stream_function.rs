//! Stream functions of plugins: one result per row, from the row and the state of its key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::expiry::{Expiry, Run};
use super::{Error, Expression, KeyIndex, Operator, PluginState, Progress, RowErrorPolicy, RowErrors, StateForm};
use crate::state::{self, Changes, Entry, Reader, Writer};
use crate::types::ChangeBatch;
use crate::udf::{self, StreamFunction, StreamInstance};

/// One call of a stream function as it was planned.
#[derive(Debug, Clone)]
pub struct StreamCall {
    /// The function.
    pub function: Arc<dyn StreamFunction>,
    /// Its arguments, each of the declared type.
    pub args: Vec<Expression>,
}

/// Appends to each row the results of stream functions that share one key.
#[derive(Debug)]
pub struct StreamFunctionOperator {
    keys: Vec<Expression>,
    index: KeyIndex,
    calls: Vec<Call>,
    schema: SchemaRef,
    errors: Arc<RowErrors>,
    slots: Vec<u32>,
    /// Slots whose state changed since it was saved, where it is saved at all.
    changed: Option<BTreeSet<u32>>,
    /// Keys whose time was up since they were saved.
    gone: Vec<Vec<u8>>,
    expiry: Option<Expiry>,
}

/// A call with its running instance.
#[derive(Debug)]
struct Call {
    function: Arc<dyn StreamFunction>,
    instance: Box<dyn StreamInstance>,
    args: Vec<Expression>,
}

impl StreamFunctionOperator {
    /// `schema` is the input's with one more field for each call.
    ///
    /// # Errors
    /// When a plugin cannot be started, or a key has a type that cannot be a key.
    pub fn new(
        keys: Vec<Expression>,
        calls: &[StreamCall],
        schema: SchemaRef,
        errors: Arc<RowErrors>,
    ) -> Result<Self, Error> {
        let types: Vec<DataType> = keys.iter().map(|key| key.data_type().clone()).collect();
        let calls = calls
            .iter()
            .map(|call| {
                let constants: Vec<_> = call.args.iter().map(Expression::constant).collect();
                Ok(Call {
                    function: Arc::clone(&call.function),
                    instance: call.function.instance(&constants)?,
                    args: call.args.clone(),
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Self {
            keys,
            index: KeyIndex::new(&types)?,
            calls,
            schema,
            errors,
            slots: Vec::new(),
            changed: None,
            gone: Vec::new(),
            expiry: None,
        })
    }

    /// Values of `expressions`; a row on which one fails has NULL there whatever the policy, because leaving a row out
    /// in the middle of a key's history would change the state of all rows after it.
    fn evaluate(&self, expressions: &[Expression], records: &RecordBatch) -> Result<Vec<ArrayRef>, Error> {
        expressions
            .iter()
            .map(|expression| Ok(expression.evaluate(records, &self.errors)?.array))
            .collect()
    }
}

impl StreamFunctionOperator {
    /// What is given where rows have failed: all of them, the others, or nothing, as the policy wants it.
    fn without_failed(&self, given: ChangeBatch, failed: BTreeMap<usize, udf::Error>) -> Result<ChangeBatch, Error> {
        if failed.is_empty() {
            return Ok(given);
        }
        let mut keep = vec![true; given.num_rows()];
        for row in failed.keys() {
            keep[*row] = false;
        }
        let errors: Vec<Error> = failed.into_values().map(Error::Function).collect();
        if self.errors.policy == RowErrorPolicy::Fail {
            return errors.into_iter().next().map_or(Ok(given), Err);
        }
        self.errors.report(&errors);
        match self.errors.policy {
            RowErrorPolicy::Skip => Ok(given.filter(&keep.into())?),
            _ => Ok(given),
        }
    }

    /// What the state looks like. What a constant argument is decides what the state means.
    fn form(&self) -> StateForm {
        let types = |expressions: &[Expression]| -> String {
            let types: Vec<_> = expressions.iter().map(|e| e.data_type().to_string()).collect();
            types.join(", ")
        };
        let constants = |args: &[Expression]| -> String {
            let constants = args.iter().filter_map(Expression::constant);
            let constants: Vec<_> = constants.map(|value| format!("; {value}")).collect();
            constants.concat()
        };
        let mut form = StateForm::default();
        form.words(&format!("stream functions 1 by ({}): ", types(&self.keys)));
        for (place, call) in self.calls.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let name = call.function.info().name.to_lowercase();
            form.words(&format!(
                "{comma}{name}({}{})",
                types(&call.args),
                constants(&call.args)
            ));
            form.version(Some(PluginState::of_stream(&*call.function)));
        }
        form
    }
}

impl Call {
    /// The results of one batch, run by run: before each the keys that begin anew in it are forgotten. Rows that the function says have failed left its
    /// state as it was; they are null in the result and go to `failed`.
    fn push(
        &mut self,
        runs: &[Run],
        slots: &[u32],
        args: &[ArrayRef],
        failed: &mut BTreeMap<usize, udf::Error>,
    ) -> Result<ArrayRef, Error> {
        let mut results = Vec::with_capacity(runs.len());
        for Run { rows, anew } in runs {
            if !anew.is_empty() {
                self.instance.drop_slots(anew)?;
            }
            let args: Vec<_> = args.iter().map(|arg| arg.slice(rows.start, rows.len())).collect();
            let outcome = self.instance.push_rows(&slots[rows.clone()], &args)?;
            results.push(outcome.values);
            let info = self.function.info();
            for failure in outcome.failed {
                let row = rows.start + failure.row as usize;
                failed.entry(row).or_insert_with(|| udf::Error::Row {
                    plugin: info.plugin.clone(),
                    function: info.name.clone(),
                    row: u32::try_from(row).unwrap_or(u32::MAX),
                    message: failure.message,
                });
            }
        }
        match results.as_slice() {
            [whole] => Ok(Arc::clone(whole)),
            parts => Ok(concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())?),
        }
    }
}

impl Operator for StreamFunctionOperator {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        // A record without a value is no row to a function (ksqlDB: it is dropped before any stateful step).
        let changes = changes.without_retractions()?;
        if changes.is_empty() {
            return Ok(());
        }
        let keys = self.evaluate(&self.keys, &changes.records)?;
        let mut slots = std::mem::take(&mut self.slots);
        self.index.slots(&keys, changes.num_rows(), &mut slots)?;
        let args = self
            .calls
            .iter()
            .map(|call| self.evaluate(&call.args, &changes.records))
            .collect::<Result<Vec<_>, Error>>()?;
        let runs = match &mut self.expiry {
            Some(expiry) => expiry.runs(&slots, changes.event_times.values()),
            None => Run::whole(slots.len()),
        };
        let mut columns = changes.records.columns().to_vec();
        let mut failed = BTreeMap::new();
        for (call, args) in self.calls.iter_mut().zip(args) {
            columns.push(call.push(&runs, &slots, &args, &mut failed)?);
        }
        if let Some(changed) = &mut self.changed {
            changed.extend(&slots);
        }
        self.slots = slots;
        let given = ChangeBatch {
            records: RecordBatch::try_new(Arc::clone(&self.schema), columns)?,
            event_times: changes.event_times,
            weights: None,
            stream_times: changes.stream_times,
        };
        out.push(self.without_failed(given, failed)?);
        Ok(())
    }

    fn advance(&mut self, progress: Progress, _out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let Some(expiry) = &mut self.expiry else { return Ok(()) };
        let expired = expiry.sweep(progress.watermark);
        if expired.is_empty() {
            return Ok(());
        }
        for call in &mut self.calls {
            call.instance.drop_slots(&expired)?;
        }
        for slot in expired {
            if let Some(changed) = &mut self.changed {
                changed.remove(&slot);
                self.gone.push(self.index.key(slot).to_vec());
            }
            self.index.remove(slot);
        }
        Ok(())
    }

    fn expire_after(&mut self, ttl_ms: i64) {
        self.expiry = Some(Expiry::new(ttl_ms));
    }

    fn state_keys(&self) -> Option<usize> {
        Some(self.index.len())
    }

    fn state_form(&self) -> Option<String> {
        Some(self.form().text())
    }

    fn state_difference(&self, saved: &str) -> Option<String> {
        self.form().difference(saved)
    }

    fn track_changes(&mut self) {
        self.changed = Some(self.index.all().collect());
    }

    /// Key: the bytes of the key. Value: for each call the version of its state and its bytes; then when the key was touched last, where it has a
    /// time to live.
    fn save(&mut self, changes: &mut Changes) -> Result<(), Error> {
        let Some(changed) = self.changed.as_mut().map(std::mem::take) else {
            return Ok(());
        };
        for key in self.gone.drain(..) {
            changes.delete(&key);
        }
        let slots: Vec<u32> = changed.into_iter().collect();
        if slots.is_empty() {
            return Ok(());
        }
        let mut states = Vec::with_capacity(self.calls.len());
        for call in &mut self.calls {
            states.push((call.function.state_version(), call.instance.save(&slots)?));
        }
        let mut value = Writer::new();
        for (place, slot) in slots.iter().enumerate() {
            value.restart();
            for (version, states) in &states {
                value.number(i64::from(*version));
                value.bytes(&states[place]);
            }
            if let Some(expiry) = &self.expiry {
                value.number(expiry.touched(*slot));
            }
            changes.put(self.index.key(*slot), value.written());
        }
        Ok(())
    }

    fn load(&mut self, entries: &[Entry]) -> Result<(), Error> {
        // For each call, slots and states by version: all of one version as a rule.
        let mut states: Vec<BTreeMap<u32, (Vec<u32>, Vec<Vec<u8>>)>> = vec![BTreeMap::new(); self.calls.len()];
        for (key, value) in entries {
            let slot = self.index.restore(key);
            let mut value = Reader::new(value)?;
            for of_call in &mut states {
                let version = u32::try_from(value.number()?)
                    .map_err(|_| state::Error::damaged("a stream function", "a version is out of range"))?;
                let (slots, states) = of_call.entry(version).or_default();
                slots.push(slot);
                states.push(value.bytes()?.to_vec());
            }
            Expiry::load_rest(self.expiry.as_mut(), slot, &mut value)?;
        }
        for (call, versions) in self.calls.iter_mut().zip(states) {
            for (version, (slots, states)) in versions {
                if !call.function.reads_state_version(version) {
                    let reason = format!(
                        "it is of version {version}, the plugin that is loaded now reads version {}: use a version of the plugin that reads it",
                        call.function.state_version()
                    );
                    return Err(
                        state::Error::damaged(&format!("function {}", call.function.info().name), reason).into(),
                    );
                }
                call.instance.load_version(&slots, &states, version)?;
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let calls = self.calls.iter().map(|call| call.instance.state_bytes());
        self.index.state_bytes() + self.expiry.as_ref().map_or(0, Expiry::state_bytes) + calls.sum::<usize>()
    }
}
