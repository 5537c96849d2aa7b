//! Prometheus' rule files, evaluated as Prometheus evaluates them, over any storage.
//!
//! ```text
//! rule files ─ RuleFile::read ─▶ GroupRules ─ Group::new ─▶ Group ─ evaluate(now, storage) ─▶ Evaluation
//!                                                             ▲                       samples │ changes of alerts
//!                                              promql::Storage ◀────── whoever owns both ─────┘
//! ```
//!
//! Start at [`RuleFile`] and [`Group`]. A group has no clock, no thread and no storage of its own: it is given a moment and
//! returns what is to be stored and what happened to alerts. A rule that fails keeps its alerts and its series as they were,
//! and names its reason; the others go on.
//!
//! [`UnitTest`] runs the test files that `promtool test rules` runs, with the same verdict.

mod alert;
mod alerting;
mod ask;
mod duration;
mod group;
mod overlay;
mod recording;
mod rules;
mod settings;
mod template;
mod unit_test;
mod yaml;

pub use alert::{Alert, Change, State};
pub use group::{Evaluation, Failure, Group, Start};
pub use rules::{AlertingRule, GroupRules, Problem, RecordingRule, Refused, Rule, RuleFile};
pub use settings::Settings;
pub use template::{BadTemplate, Template};
pub use unit_test::{TestFailure, UnitTest, Verdict};
