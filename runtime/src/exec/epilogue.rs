//! What a pipeline still does when its sources have ended and its last step is over, on a thread of its own: a pull query computes its
//! result then, which may take long and must hold up no worker.

use std::fmt;

use super::{Error, Pipeline};

/// Work after the last step. It should look at [`Pipeline::is_stop_asked`] now and then.
pub struct Epilogue(Box<dyn FnOnce(&Pipeline) -> Result<(), Error> + Send>);

impl Epilogue {
    /// Work after the last step.
    pub fn new(work: impl FnOnce(&Pipeline) -> Result<(), Error> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    pub(super) fn run(self, pipeline: &Pipeline) -> Result<(), Error> {
        (self.0)(pipeline)
    }
}

impl fmt::Debug for Epilogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Epilogue")
    }
}
