//! The progress line and the summary of `run`.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::engine::Engine;
use crate::exec::{State, Totals};

/// How often the line is drawn anew.
const REDRAW: Duration = Duration::from_millis(200);

/// The progress line of all queries together. Silent where stderr is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    drawn: Instant,
    rows_drawn: u64,
}

impl Progress {
    pub(crate) fn start(quiet: bool) -> Self {
        let bar = (!quiet).then(|| {
            let style =
                ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            ProgressBar::new_spinner().with_style(style)
        });
        Self {
            bar,
            started: Instant::now(),
            drawn: Instant::now(),
            rows_drawn: 0,
        }
    }

    /// Draws the line when it is time.
    pub(crate) fn update(&mut self, engine: &Engine) {
        let Some(bar) = &self.bar else { return };
        let since = self.drawn.elapsed();
        if since < REDRAW {
            return;
        }
        let totals = totals(engine);
        let rate = (totals.rows_in - self.rows_drawn.min(totals.rows_in)) as f64 / since.as_secs_f64();
        bar.set_message(format!(
            "{} rows in, {} out, {} rows/s, lag {}{}",
            HumanCount(totals.rows_in),
            HumanCount(totals.rows_out),
            HumanCount(rate as u64),
            HumanCount(totals.lag),
            trouble(&totals)
        ));
        bar.tick();
        self.drawn = Instant::now();
        self.rows_drawn = totals.rows_in;
    }

    /// Runs `print` with the line out of the way.
    pub(crate) fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the line away and prints the summary.
    pub(crate) fn finish(self, engine: &Engine) {
        let Some(bar) = self.bar else { return };
        bar.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        for (info, pipeline) in engine.queries() {
            let totals = pipeline.metrics().totals();
            let state = match pipeline.state() {
                State::Held => "held back",
                State::Running => "running",
                State::Paused => "paused",
                State::Restarting(_) => "restarting",
                State::Finished => "finished",
                State::Stopped => "stopped",
                State::Failed(_) => "failed",
            };
            eprintln!(
                "{}: {state}, {} rows in, {} rows out in {seconds:.2} s, {} rows/s{}{}",
                info.id,
                HumanCount(totals.rows_in),
                HumanCount(totals.rows_out),
                HumanCount((totals.rows_in as f64 / seconds.max(0.001)) as u64),
                trouble(&totals),
                match pipeline.restarts() {
                    0 => String::new(),
                    restarts => format!(", begun again {restarts} times"),
                }
            );
        }
    }
}

fn totals(engine: &Engine) -> Totals {
    let mut all = Totals::default();
    for (_, pipeline) in engine.queries() {
        let totals = pipeline.metrics().totals();
        all.rows_in += totals.rows_in;
        all.rows_out += totals.rows_out;
        all.bad_records += totals.bad_records;
        all.row_errors += totals.row_errors;
        all.lag += totals.lag;
    }
    all
}

fn trouble(totals: &Totals) -> String {
    let mut text = String::new();
    if totals.bad_records > 0 {
        text.push_str(&format!(", {} bad records", HumanCount(totals.bad_records)));
    }
    if totals.row_errors > 0 {
        text.push_str(&format!(", {} row errors", HumanCount(totals.row_errors)));
    }
    text
}
