//! A client for the API (`/api/v2`) of Alertmanager: what it holds of alerts, and silences.
//!
//! ```text
//! caller ── Client::alerts  ──▶ GET    /api/v2/alerts      what fires, and what of it is silenced or inhibited
//!        ── Client::silence ──▶ POST   /api/v2/silences    keeps alerts from being told for a while
//!        ── Client::end     ──▶ DELETE /api/v2/silence/ID
//! ```
//!
//! [`Client`] asks, [`Matcher`] says of which alerts. Whatever goes wrong is an [`Error`] that says what to do about it
//! and never shows a password that stands in the address.

mod alert;
mod client;
mod matcher;
mod silence;

pub use alert::{Alert, AlertState, AlertStatus, Labels, Which};
pub use client::{Client, Error, NotAnAddress};
pub use matcher::{Matcher, NotAMatcher, Operator};
pub use silence::{NewSilence, Silence, SilenceState, SilenceStatus};
