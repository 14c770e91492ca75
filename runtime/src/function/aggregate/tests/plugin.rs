//! Aggregates of plugins as an accumulator, over a function in Rust that writes down how it is called.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;

use crate::function::aggregate::Accumulator;
use crate::function::aggregate::plugin::{PluginAccumulator, SharedInstance};
use crate::udf::{AggregateFunction, AggregateInstance, Error, FunctionInfo, Kind, OverloadedAggregate, Volatility};

type Calls = Arc<Mutex<Vec<String>>>;

/// The sum of a BIGINT.
#[derive(Debug)]
struct Total {
    info: FunctionInfo,
    calls: Calls,
}

#[derive(Debug)]
struct Running {
    sums: BTreeMap<u32, i64>,
    calls: Calls,
}

impl AggregateFunction for Total {
    fn info(&self) -> &FunctionInfo {
        &self.info
    }

    fn instance(&self, _constants: &[Option<ScalarValue>]) -> Result<Box<dyn AggregateInstance>, Error> {
        self.calls.lock().push("new".to_owned());
        Ok(Box::new(Running {
            sums: BTreeMap::new(),
            calls: Arc::clone(&self.calls),
        }))
    }

    fn retracts(&self) -> bool {
        true
    }

    fn state_version(&self) -> u32 {
        2
    }

    fn older_state_versions(&self) -> &[u32] {
        &[1]
    }
}

impl Running {
    fn note(&self, call: &str, slots: &[u32]) {
        self.calls.lock().push(format!("{call} {slots:?}"));
    }

    fn add(&mut self, slots: &[u32], args: &[ArrayRef], sign: i64) {
        for (slot, x) in slots.iter().zip(args[0].as_primitive::<Int64Type>().values()) {
            *self.sums.entry(*slot).or_default() += sign * x;
        }
    }

    fn sum(&self, slot: u32) -> i64 {
        self.sums.get(&slot).copied().unwrap_or_default()
    }
}

impl AggregateInstance for Running {
    fn update(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<(), Error> {
        self.note("update", slots);
        self.add(slots, args, 1);
        Ok(())
    }

    fn retract(&mut self, slots: &[u32], args: &[ArrayRef]) -> Result<(), Error> {
        self.note("retract", slots);
        self.add(slots, args, -1);
        Ok(())
    }

    fn merge(&mut self, into: &[u32], from: &[u32]) -> Result<(), Error> {
        self.note("merge", &[into, from].concat());
        for (into, from) in into.iter().zip(from) {
            *self.sums.entry(*into).or_default() += self.sum(*from);
        }
        Ok(())
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef, Error> {
        self.note("finish", slots);
        Ok(Arc::new(
            slots.iter().map(|slot| Some(self.sum(*slot))).collect::<Int64Array>(),
        ))
    }

    fn save(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Error> {
        self.note("save", slots);
        Ok(slots
            .iter()
            .map(|slot| self.sum(*slot).to_le_bytes().to_vec())
            .collect())
    }

    fn load(&mut self, slots: &[u32], states: &[Vec<u8>], version: u32) -> Result<(), Error> {
        self.note(&format!("load {version}"), slots);
        for (slot, state) in slots.iter().zip(states) {
            self.sums
                .insert(*slot, i64::from_le_bytes(state.as_slice().try_into().unwrap()));
        }
        Ok(())
    }

    fn drop_slots(&mut self, slots: &[u32]) -> Result<(), Error> {
        self.note("drop", slots);
        self.sums.retain(|slot, _| !slots.contains(slot));
        Ok(())
    }
}

/// The accumulators of one call, and what its function was asked.
struct Call {
    function: OverloadedAggregate,
    shared: SharedInstance,
    calls: Calls,
}

impl Call {
    fn new() -> Self {
        let calls = Calls::default();
        let info = FunctionInfo {
            name: "total".to_owned(),
            kind: Kind::Aggregate,
            args: vec![("x".to_owned(), DataType::Int64)],
            defaults: Vec::new(),
            constants: Vec::new(),
            variadic: false,
            returns: DataType::Int64,
            null_in_null_out: true,
            volatility: Volatility::Volatile,
            plugin: "test".to_owned(),
            version: None,
            doc: None,
        };
        let total: Arc<dyn AggregateFunction> = Arc::new(Total {
            info,
            calls: Arc::clone(&calls),
        });
        Self {
            function: OverloadedAggregate::new(vec![total]).unwrap(),
            shared: SharedInstance::default(),
            calls,
        }
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        PluginAccumulator::boxed(&self.function, &[DataType::Int64], &[None], &self.shared).unwrap()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock())
    }
}

fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn saved(accumulator: &mut dyn Accumulator, group: u32) -> Vec<u8> {
    let mut out = Vec::new();
    accumulator.save(group, &mut out).unwrap();
    out
}

#[test]
fn windows_share_an_instance_and_give_their_slots_back() {
    let call = Call::new();
    let (mut first, mut second) = (call.accumulator(), call.accumulator());
    first.update(&[longs(&[1, 2, 3])], &[0, 1, 0], None, 2).unwrap();
    second.update(&[longs(&[4])], &[0], None, 1).unwrap();
    assert_eq!(&first.evaluate(&[1, 0]).unwrap(), &longs(&[2, 4]));
    drop(first);
    second.update(&[longs(&[5, 6])], &[1, 0], None, 2).unwrap();
    assert_eq!(&second.evaluate(&[0, 1]).unwrap(), &longs(&[10, 5]));
    let calls = call.take();
    assert_eq!(
        calls,
        [
            "new",
            "update [0, 1, 0]",
            "update [2]",
            "finish [1, 0]",
            "drop [0, 1]",
            "update [1, 2]",
            "finish [2, 1]"
        ]
    );
}

#[test]
fn rows_come_before_others_are_taken_back() {
    let call = Call::new();
    let mut total = call.accumulator();
    let rows = [longs(&[1, 7, 7])];
    total.update(&rows, &[0, 0, 0], Some(&[1, -1, 1]), 1).unwrap();
    assert_eq!(&total.evaluate(&[0]).unwrap(), &longs(&[1]));
    assert_eq!(call.take(), ["new", "update [0, 0]", "retract [0]", "finish [0]"]);
}

#[test]
fn states_that_are_saved_together_are_fetched_together() {
    let call = Call::new();
    let mut total = call.accumulator();
    total.update(&[longs(&[1, 2, 3])], &[0, 1, 2], None, 3).unwrap();
    total.begin_save(&[2, 0]).unwrap();
    let (two, zero) = (saved(&mut *total, 2), saved(&mut *total, 0));
    assert_eq!(call.take(), ["new", "update [0, 1, 2]", "save [2, 0]"]);
    // What was fetched is no more the state once there were rows.
    total.begin_save(&[0]).unwrap();
    total.update(&[longs(&[10])], &[0], None, 3).unwrap();
    assert_ne!(saved(&mut *total, 0), zero);
    assert_eq!(saved(&mut *total, 2), two);
}

#[test]
fn states_of_one_version_are_loaded_together() {
    let call = Call::new();
    let mut total = call.accumulator();
    let state = |version: u32, sum: i64| [version.to_le_bytes().as_slice(), sum.to_le_bytes().as_slice()].concat();
    for (group, version) in [(0, 2), (1, 2), (2, 1), (3, 1)] {
        total.load(group, &state(version, i64::from(group) + 1)).unwrap();
    }
    // One that goes before it came is not given to the guest.
    total.reset(3);
    total.end_load().unwrap();
    assert_eq!(call.take(), ["new", "load 2 [0, 1]", "load 1 [2]"]);
    assert_eq!(&total.evaluate(&[0, 1, 2, 3]).unwrap(), &longs(&[1, 2, 3, 0]));
    // Without end_load they come with the next use.
    total.load(4, &state(2, 9)).unwrap();
    assert_eq!(&total.evaluate(&[4]).unwrap(), &longs(&[9]));
    let error = total.load(5, &state(3, 1)).unwrap_err().to_string();
    assert!(error.contains("is of version 3, the plugin test"), "{error}");
    assert!(total.load(5, b"abc").is_err());
}
