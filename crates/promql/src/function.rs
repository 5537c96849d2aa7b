//! What the functions compute. Who calls them with what is `call`'s affair.

mod calendar;
mod histogram;
mod math;
mod over_time;
mod quantile;
mod rate;
mod rename;
mod trend;

pub(crate) use calendar::calendar;
pub(crate) use histogram::{Bucket, fraction, quantile as histogram_quantile};
pub(crate) use math::{clamp, elementwise, round_to};
pub(crate) use over_time::over_time;
pub(crate) use quantile::quantile_of;
pub(crate) use rate::{Rate, rate};
pub(crate) use rename::{Replacement, is_label_name};
pub(crate) use trend::{predict, smooth};
