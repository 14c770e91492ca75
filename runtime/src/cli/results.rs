//! Results of SELECT on stdout: of a query that ends by itself at once, of one that goes on while others run.

use std::io::{BufWriter, Write};

use crossbeam_channel::{Receiver, Select, TryRecvError};

use super::OutputFormat;
use super::render::RowWriter;
use crate::engine::{PushQuery, QueryKind};
use crate::sql::ast::SourceKind;
use crate::types::ChangeBatch;

/// Ctrl-C came before the script had ended.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// The SELECTs whose results are still to come.
#[derive(Debug, Default)]
pub(crate) struct Results {
    open: Vec<Printed>,
    /// Whose rows were printed last.
    last: Option<String>,
}

/// What became of a wait for results.
pub(crate) enum Waited {
    /// A batch was there; not printed yet.
    Batch(usize, ChangeBatch),
    /// Nothing came, or a query ended.
    Nothing,
    /// Ctrl-C came.
    Interrupted,
}

#[derive(Debug)]
struct Printed {
    query: PushQuery,
    writer: RowWriter,
}

impl Results {
    /// Takes a SELECT. One that reads what there is now is printed to its end, so that results come in the order of
    /// the statements; one with EMIT CHANGES goes on beside the statements after it.
    ///
    /// # Errors
    /// When rows cannot be written, and [`Interrupted`].
    pub(crate) fn take(
        &mut self,
        query: PushQuery,
        format: OutputFormat,
        interrupt: &Receiver<()>,
    ) -> anyhow::Result<()> {
        let mut printed = Printed {
            writer: RowWriter::new(
                &query.schema,
                format,
                query.kind == QueryKind::Push && query.shown.kind == SourceKind::Table,
            )?,
            query,
        };
        if printed.query.kind == QueryKind::Push {
            self.open.push(printed);
            return Ok(());
        }
        self.last = None;
        loop {
            let mut select = Select::new();
            select.recv(interrupt);
            select.recv(&printed.query.changes.batches);
            if select.ready() == 0 {
                return Err(Interrupted.into());
            }
            match printed.query.changes.batches.try_recv() {
                Ok(batch) => printed.print(&batch)?,
                Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => {}
            }
        }
    }

    /// Whether every query has given all its results.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Prints what has come and waits for nothing.
    ///
    /// # Errors
    /// When rows cannot be written.
    pub(crate) fn print_ready(&mut self) -> anyhow::Result<()> {
        let mut number = 0;
        while number < self.open.len() {
            match self.open[number].query.changes.batches.try_recv() {
                Ok(batch) => self.print(number, &batch)?,
                Err(TryRecvError::Disconnected) => self.remove(number),
                Err(TryRecvError::Empty) => number += 1,
            }
        }
        Ok(())
    }

    /// Waits for a batch of any query, at most for `timeout`.
    pub(crate) fn wait(&mut self, interrupt: &Receiver<()>, timeout: std::time::Duration) -> Waited {
        let mut select = Select::new();
        select.recv(interrupt);
        for printed in &self.open {
            select.recv(&printed.query.changes.batches);
        }
        let number = match select.ready_timeout(timeout) {
            Err(_) => return Waited::Nothing,
            Ok(0) => return Waited::Interrupted,
            Ok(number) => number - 1,
        };
        match self.open[number].query.changes.batches.try_recv() {
            Ok(batch) => Waited::Batch(number, batch),
            Err(error) => {
                if error.is_disconnected() {
                    self.remove(number);
                }
                Waited::Nothing
            }
        }
    }

    /// Prints a batch of query `number`, under its name where another's rows came before.
    ///
    /// # Errors
    /// When rows cannot be written.
    pub(crate) fn print(&mut self, number: usize, batch: &ChangeBatch) -> anyhow::Result<()> {
        let several = self.open.len() > 1;
        let printed = &mut self.open[number];
        if several && self.last.as_ref() != Some(&printed.query.id) {
            eprintln!("{}:", printed.query.id);
        }
        self.last = Some(printed.query.id.clone());
        printed.print(batch)
    }

    fn remove(&mut self, number: usize) {
        self.open.remove(number);
        self.last = None;
    }
}

impl Printed {
    fn print(&mut self, batch: &ChangeBatch) -> anyhow::Result<()> {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let rows = self.query.shown.rows_of(batch)?;
        let written = self.writer.write(&rows, &mut out).and_then(|()| Ok(out.flush()?));
        match written {
            // A reader that has seen enough (`| head`) is no error; the query has nobody to write to.
            Err(error) if is_broken_pipe(&error) => {
                self.query.pipeline.stop();
                Ok(())
            }
            other => other,
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
