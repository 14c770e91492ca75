//! A function of a plugin, through one of the doors.

use std::cell::RefCell;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use arrow_array::ArrayRef;
use sampler::{Call, Way, inputs};
use waterwheel::udf::{
    AggregateFunction, AggregateInstance, FunctionSource as _, Kind, Limits, Registry, ScalarFunction, StreamFunction,
    StreamInstance,
};

use crate::arguments::{Make, values};

enum Function {
    Scalar(Arc<dyn ScalarFunction>),
    Stream(Arc<dyn StreamFunction>),
    Aggregate(Arc<dyn AggregateFunction>),
}

enum Running<'a> {
    Scalar(&'a dyn ScalarFunction),
    Stream(RefCell<Box<dyn StreamInstance>>),
    Aggregate(RefCell<Box<dyn AggregateInstance>>),
}

/// A function of a plugin.
pub struct Door {
    case: &'static str,
    door: &'static str,
    make: Make,
    function: Function,
}

impl Door {
    /// The function of the case in a plugin, whose name there begins with `prefix`.
    pub fn new(
        case: &'static str,
        door: &'static str,
        kind: Kind,
        make: Make,
        plugins: &Path,
        plugin: &str,
        prefix: &str,
    ) -> Result<Self> {
        let file = plugins.join(format!("{plugin}.wasm"));
        let registry = load(&file)?;
        let name = format!("{prefix}{case}");
        let function = match kind {
            Kind::Scalar => registry.scalar(&name).pop().map(Function::Scalar),
            Kind::Table => registry.table(&name).pop().map(Function::Scalar),
            Kind::Stream => registry.stream(&name).pop().map(Function::Stream),
            Kind::Aggregate => registry.aggregate(&name).pop().map(Function::Aggregate),
        };
        let function = function.with_context(|| format!("{} has no function {name}", file.display()))?;
        Ok(Self {
            case,
            door,
            make,
            function,
        })
    }
}

/// A registry with that plugin.
pub fn load(file: &Path) -> Result<Registry> {
    let mut registry = Registry::new(Limits::default())?;
    let plugin = registry.add_file(file).clone();
    match plugin.broken {
        Some(reason) => bail!("{}: {reason}", file.display()),
        None => Ok(registry),
    }
}

struct DoorCall<'a> {
    running: Running<'a>,
    columns: Vec<ArrayRef>,
    constant: Vec<bool>,
    slots: Vec<u32>,
}

impl Way for Door {
    fn name(&self) -> String {
        format!("{}, Waterwheel, {}", self.case, self.door)
    }

    fn prepare(&self, rows: usize) -> Result<Box<dyn Call + '_>> {
        let columns = (self.make)(rows);
        let constants = vec![None; columns.len()];
        Ok(Box::new(DoorCall {
            running: match &self.function {
                Function::Scalar(function) => Running::Scalar(function.as_ref()),
                Function::Stream(function) => Running::Stream(RefCell::new(function.instance(&constants)?)),
                Function::Aggregate(function) => Running::Aggregate(RefCell::new(function.instance(&constants)?)),
            },
            constant: vec![false; columns.len()],
            columns,
            slots: inputs::slots(rows),
        }))
    }
}

impl DoorCall<'_> {
    /// The results; of an aggregate, which has none for its rows, the value of its first group where that is wanted.
    fn run(&self, finish: bool) -> Result<Option<ArrayRef>> {
        let columns = black_box(self.columns.as_slice());
        Ok(match &self.running {
            Running::Scalar(function) => Some(function.call(columns, &self.constant, self.slots.len())?),
            Running::Stream(instance) => Some(instance.borrow_mut().push(&self.slots, columns)?),
            Running::Aggregate(instance) => {
                let mut instance = instance.borrow_mut();
                instance.update(&self.slots, columns)?;
                if finish { Some(instance.finish(&[0])?) } else { None }
            }
        })
    }
}

impl Call for DoorCall<'_> {
    fn call(&mut self) -> Result<()> {
        black_box(self.run(false)?);
        Ok(())
    }

    fn values(&mut self) -> Result<Vec<String>> {
        values(&self.run(true)?.context("a result was asked for")?)
    }
}
