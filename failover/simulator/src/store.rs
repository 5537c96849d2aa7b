//! Redis as the protocol sees it: what `failover/src/redis/failover.lua` does, step for step.
//!
//! `tests/script.rs` holds the two against each other on a real Redis.

use failover::core::record::{Answer, Beat, Lock, Op, Record, Request, RunId, Site, Standing, Wish};
use failover::core::rules::{Mutant, Rules};

/// What a restart may lose.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// The record.
    pub record: Option<Record>,
    /// When its lock key would expire, by Redis' own wall clock. Only a mutant looks at it.
    pub expires: i64,
    /// The heartbeats.
    pub beats: Vec<Option<Beat>>,
    /// What operators want.
    pub wish: Wish,
}

/// One Redis process.
#[derive(Clone, Debug)]
pub struct Store {
    /// What it holds.
    pub data: Data,
    /// Which run it is.
    pub run: RunId,
    rules: Rules,
    ttl: i64,
}

impl Store {
    /// An empty one, for `sites` sites; `ttl` in microseconds.
    #[must_use]
    pub fn new(sites: usize, ttl: i64, rules: Rules) -> Self {
        let data = Data { beats: vec![None; sites], ..Data::default() };
        Self { data, run: run_id(1), rules, ttl }
    }

    /// Loses everything, as FLUSHALL does.
    pub fn flush(&mut self) {
        let sites = self.data.beats.len();
        self.data = Data { beats: vec![None; sites], ..Data::default() };
    }

    /// Runs one request of `site`. `seconds` is what TIME says, `wall` the same in microseconds.
    pub fn run(&mut self, site: Site, request: &Request, wall: i64) -> Answer {
        let current = request.run == Some(self.run) || self.rules.lack(Mutant::NoRunId);
        if self.rules.lack(Mutant::RedisTtl) && self.data.expires <= wall {
            self.data.record = None;
        }
        let own = self.data.beats[site.index()];
        if let Some(beat) = request.beat {
            self.data.beats[site.index()] = Some(beat);
        }
        let mut done = matches!(request.op, Op::Sync);
        if current && let Some(record) = self.write(site, request.op, wall) {
            self.data.expires = if record.standing == Standing::Held { wall + self.ttl } else { i64::MAX };
            self.data.record = Some(record);
            done = true;
        }
        Answer {
            done,
            run: self.run,
            record: self.data.record,
            lock: Lock::Free,
            wish: self.data.wish,
            own,
            beats: self.data.beats.clone(),
        }
    }

    /// What the operation makes of the record, if it is allowed.
    fn write(&self, site: Site, op: Op, wall: i64) -> Option<Record> {
        let (run, now) = (self.run, self.data.record);
        let blind = self.rules.lack(Mutant::NoRunId);
        match op {
            Op::Sync => None,
            Op::Grace { nonce, floor } => now.is_none().then_some(Record {
                nonce,
                seq: 0,
                standing: Standing::Grace,
                run,
                epoch: floor,
                site,
                to: None,
            }),
            Op::Acquire { nonce, seen, floor } => {
                let version = now.map(|record| {
                    let mut version = record.version();
                    version.run = if blind { RunId([0; 20]) } else { version.run };
                    version
                });
                // Two of the mutants take what is not there.
                let trusting = self.rules.lack(Mutant::TrustAbsence)
                    || self.rules.lack(Mutant::RedisTtl)
                    || self.rules.lack(Mutant::AbsentNoCas);
                let same = version == seen && (now.is_some() || trusting);
                let time = u64::try_from(wall / 1_000_000).unwrap_or(0);
                let epoch = (now.map_or(0, |record| record.epoch) + 1).max(floor + 1).max(time);
                let taken = Record { nonce, seq: 0, standing: Standing::Held, run, epoch, site, to: None };
                (same || (trusting && now.is_none())).then_some(taken)
            }
            Op::Renew { nonce, seq, epoch, to } => {
                let mine = now.is_some_and(|record| {
                    record.nonce == nonce && record.standing == Standing::Held && record.seq < seq
                });
                let free = now.is_none_or(|record| record.standing == Standing::Grace || (record.run != run && !blind));
                let reclaims = free && !self.rules.lack(Mutant::TrustAbsence) && !self.rules.lack(Mutant::RedisTtl);
                let kept = Record { nonce, seq, standing: Standing::Held, run, epoch, site, to };
                (mine || reclaims).then_some(kept)
            }
            Op::Release { nonce, seq, to } => now
                .filter(|record| {
                    record.nonce == nonce
                        && record.standing == Standing::Held
                        && (record.run == run || blind)
                        && (record.seq == seq || self.rules.lack(Mutant::ReleaseAnySeq))
                })
                .map(|record| Record { seq: record.seq + 1, standing: Standing::Released, run, to, ..record }),
        }
    }
}

/// The `number`th run.
#[must_use]
pub fn run_id(number: u64) -> RunId {
    let mut id = [0; 20];
    id[..8].copy_from_slice(&number.to_be_bytes());
    RunId(id)
}
