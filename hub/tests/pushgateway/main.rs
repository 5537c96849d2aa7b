//! `noroshi pushgateway` from outside: against the real Pushgateway, under a real Prometheus, killed, and on a full disk.

mod differential;
mod durability;
mod gateway;
mod import;
mod scraped;
