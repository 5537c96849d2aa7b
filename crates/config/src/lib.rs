//! Reads what an operator configured: one section of `noroshi.yaml`, the fixed environment names, and secrets.
//!
//! ```text
//! noroshi.yaml ── section::load("proxy") ──▶ proxy::Config     unknown keys refused with line and reason
//! environment  ── Environment::secret    ──▶ SecretString      NAME, NAME_FILE or a systemd credential
//! ```
//!
//! [`section::load`] reads the file, [`Environment`] the names around it, [`exit`] says what a process leaves with.
//! This crate has no runtime and no logger, because the exporter, which counts every page of memory, uses it too.
//! No error of this crate carries a line of the file or a value of the environment: either could be a secret. (A type
//! that refuses its own value may quote that one, as durations do; secrets have files of their own.)

mod environment;
pub mod exit;
pub mod section;

pub use environment::{Environment, EnvironmentError, read_secret_file};
pub use section::SectionError;
