//! `noroshi pushgateway` from outside: against the real Pushgateway, under a real Prometheus, killed, and on a full disk.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test as the test itself would")]

mod differential;
mod durability;
mod gateway;
mod import;
mod scraped;
