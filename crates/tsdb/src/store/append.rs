//! Appending samples.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use series::{Labels, Sample};

use super::{Store, Writer};
use crate::error::{Error, Refusal};
use crate::head::Outcome;
use crate::index::{self, SeriesId};
use crate::log::Records;
use crate::options::{Sync, millis};
use crate::stats::add;

/// A series that the store knows: appending to it costs no look at its labels. Stays good for as long as the program runs.
#[derive(Clone, Debug)]
pub struct SeriesRef {
    id: SeriesId,
    epoch: u64,
    labels: Labels,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "some samples may have been refused"]
pub struct Appended {
    /// Samples that are kept now.
    pub stored: usize,
    /// Samples that were kept already.
    pub duplicates: usize,
    /// Samples that are not taken.
    pub refused: Vec<Refused>,
}

/// A sample that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the batch.
    pub place: usize,
    /// Why.
    pub reason: Refusal,
}

/// While the head cannot be written, it may be so many times as large as it should.
const BACKLOG: usize = 3;

impl SeriesRef {
    /// Returns what the series is called.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }
}

impl Store {
    /// Returns the series of these labels; it is a new one, if it has to be.
    ///
    /// # Errors
    /// When it would be one too many, or its labels are too many or too long.
    pub fn series(&self, labels: &Labels) -> Result<SeriesRef, Refusal> {
        let epoch = self.epoch.load(Ordering::Acquire);
        self.intern(labels).map(|(id, labels)| SeriesRef { id, epoch, labels })
    }

    /// Keeps samples whose own time is not bound to `now`, which is what the clock says, in milliseconds since 1970. Any order
    /// is fine, and so is any age within the retention; in order is quicker.
    ///
    /// When it returns, the samples are seen by queries and survive the end of the process; with [`Sync::Always`] they
    /// survive that of the machine.
    ///
    /// # Errors
    /// When the log cannot be written. Nothing of the batch is kept then, unless the error is [`Error::Unsynced`]: that of
    /// this append is seen but may not be on the medium. Either way the batch can be appended again.
    pub fn append<'a>(
        &self,
        now: i64,
        batch: impl IntoIterator<Item = (&'a SeriesRef, Sample)>,
    ) -> Result<Appended, Error> {
        let outcome = self.try_append(now, batch);
        if outcome.is_err() {
            add(&self.counters.append_failures, 1);
        }
        outcome
    }

    fn try_append<'a>(
        &self,
        now: i64,
        batch: impl IntoIterator<Item = (&'a SeriesRef, Sample)>,
    ) -> Result<Appended, Error> {
        let mut guard = self.writer();
        let writer = &mut *guard;
        self.check_backlog()?;
        let mut appended = Appended::default();
        writer.chosen.clear();
        // Of each chosen sample, the place in the batch.
        let mut places = Vec::new();
        let mut unknown: Vec<(SeriesId, &Labels)> = Vec::new();
        {
            let view = self.view();
            let head = view.active.read();
            let mut named = HashSet::new();
            for (place, (series, sample)) in batch.into_iter().enumerate() {
                match self.admit(now, series, sample) {
                    Ok(id) => {
                        writer.chosen.push((id, sample));
                        places.push(place);
                        // Each segment of the log names its series.
                        let is_named = head.segment_of(id) == Some(writer.log.number()) && !writer.log.is_full();
                        if !is_named && named.insert(id) {
                            unknown.push((id, &series.labels));
                        }
                    }
                    Err(reason) => appended.refused.push(Refused { place, reason }),
                }
            }
        }
        if writer.chosen.is_empty() {
            self.count(&appended);
            return Ok(appended);
        }
        self.log(writer, now, &unknown)?;
        self.keep(writer, now, &places, &mut appended);
        let append = self.commit.wrote();
        self.count(&appended);
        drop(guard);
        if self.options.sync == Sync::Always {
            self.commit.wait(append).map_err(|_| Error::Unsynced)?;
        }
        Ok(appended)
    }

    /// Returns once all that was appended is on the medium.
    ///
    /// # Errors
    /// When it may not be.
    pub fn sync(&self) -> Result<(), Error> {
        self.commit.sync().map_err(|_| Error::Unsynced)
    }

    fn check_backlog(&self) -> Result<(), Error> {
        if self.commit.has_failed() {
            return Err(Error::Unsynced);
        }
        let bytes = self.view().heads().map(|head| head.read().bytes()).sum();
        if bytes > self.options.head_bytes.saturating_mul(BACKLOG) { Err(Error::Backlog { bytes }) } else { Ok(()) }
    }

    /// Returns the number of a sample's series, if the sample may be kept.
    fn admit(&self, now: i64, series: &SeriesRef, sample: Sample) -> Result<SeriesId, Refusal> {
        let bound = |distance: Duration| now.saturating_sub(millis(distance));
        if sample.timestamp < bound(self.options.retention) {
            return Err(Refusal::TooOld);
        }
        if sample.timestamp > now.saturating_add(millis(self.options.ahead)) {
            return Err(Refusal::TooFarAhead);
        }
        // Series are only forgotten while nobody appends.
        if series.epoch == self.epoch.load(Ordering::Acquire) {
            return Ok(series.id);
        }
        self.intern(&series.labels).map(|(id, _)| id)
    }

    fn intern(&self, labels: &Labels) -> Result<(SeriesId, Labels), Refusal> {
        let known = |index: &index::Index| {
            let id = index.find(labels)?;
            Some((id, index.labels(id)?.clone()))
        };
        if let Some(known) = known(&self.index()) {
            return Ok(known);
        }
        index::check(labels, &self.options.limits)?;
        let mut index = self.index_mut();
        if let Some(known) = known(&index) {
            return Ok(known);
        }
        if index.len() >= self.options.limits.series {
            return Err(Refusal::TooManySeries(self.options.limits.series));
        }
        let id = index.intern(labels)?;
        Ok((id, index.labels(id).cloned().unwrap_or_else(|| labels.clone())))
    }

    /// Writes the chosen samples to the log, with the names of those series that it does not know.
    fn log(&self, writer: &mut Writer, now: i64, unknown: &[(SeriesId, &Labels)]) -> Result<(), Error> {
        if writer.log.is_full() {
            self.begin_segment(writer, now)?;
        }
        writer.records.clear();
        let mut records = Records::new(&mut writer.records);
        unknown.iter().for_each(|(id, labels)| records.series(*id, labels));
        writer.chosen.iter().for_each(|(id, sample)| records.sample(*id, *sample));
        records.finish();
        let written = writer.log.append(&writer.records);
        writer.records.shrink_to(1 << 20);
        written.map_err(Error::io("write to the log in", &self.dir))
    }

    /// Begins the next segment of the log. What was written to the one before is on the medium first.
    pub(super) fn begin_segment(&self, writer: &mut Writer, now: i64) -> Result<(), Error> {
        if self.options.sync != Sync::Never && !self.commit.has_failed() {
            self.commit.sync().map_err(|_| Error::Unsynced)?;
        }
        let file = writer.log.begin(now).map_err(Error::io("begin a log in", &self.dir))?;
        self.commit.begin(file);
        Ok(())
    }

    /// Puts the chosen samples into the head.
    fn keep(&self, writer: &mut Writer, now: i64, places: &[usize], appended: &mut Appended) {
        writer.born.get_or_insert(now);
        let segment = writer.log.number();
        let view = self.view();
        let mut head = view.active.write();
        for ((id, sample), place) in writer.chosen.iter().zip(places) {
            match head.push(*id, *sample, segment) {
                Outcome::Stored => appended.stored += 1,
                Outcome::Duplicate => appended.duplicates += 1,
                Outcome::Conflict => appended.refused.push(Refused { place: *place, reason: Refusal::Conflict }),
            }
        }
    }

    fn count(&self, appended: &Appended) {
        let counters = &self.counters;
        let of = |wanted: fn(&Refusal) -> bool| {
            appended.refused.iter().filter(|refused| wanted(&refused.reason)).count() as u64
        };
        add(&counters.appended, appended.stored as u64);
        add(&counters.duplicates, appended.duplicates as u64);
        add(&counters.conflicts, of(|reason| *reason == Refusal::Conflict));
        add(&counters.out_of_bounds, of(|reason| matches!(reason, Refusal::TooOld | Refusal::TooFarAhead)));
    }
}
