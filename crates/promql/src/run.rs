//! One evaluation: what it has cost and what it has to say.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Instant;

use crate::engine::Engine;
use crate::error::Error;
use crate::value::{Answer, Value};

/// One evaluation: what it has cost and what it has to say.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    started: Instant,
    spent: Cell<u64>,
    warnings: RefCell<BTreeSet<String>>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self { engine, started: Instant::now(), spent: Cell::new(0), warnings: RefCell::default() }
    }

    pub(crate) fn answer(self, value: Value) -> Answer {
        Answer { value, warnings: self.warnings.into_inner().into_iter().collect() }
    }

    /// Notes that so many samples were read or computed, and ends the query when it is over its limits.
    pub(crate) fn spend(&self, samples: usize) -> Result<(), Error> {
        let spent = self.spent.get().saturating_add(samples as u64);
        self.spent.set(spent);
        if spent > self.engine.limits.samples {
            return Err(Error::TooManySamples(self.engine.limits.samples));
        }
        if self.started.elapsed() > self.engine.limits.time {
            return Err(Error::TooSlow(self.engine.limits.time));
        }
        Ok(())
    }

    pub(crate) fn warn(&self, text: String) {
        self.warnings.borrow_mut().insert(text);
    }
}

/// Shows only what it was made for.
impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("spent", &self.spent).finish_non_exhaustive()
    }
}
