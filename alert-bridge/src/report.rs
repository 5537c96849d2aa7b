//! The report: how every host was, in figures and in a picture.

mod chart;
mod fleet;
mod prometheus;
mod queries;
mod schedule;
mod survey;
