//! Slows down whoever tries passwords: after a few wrong ones an address waits, longer each time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::neighbourhood::Neighbourhood;

/// Addresses that are remembered; beyond that the one whose last wrong password is oldest is forgotten.
const ADDRESSES: usize = 4096;
/// Each so often one wrong password is forgiven.
const FORGIVEN_EVERY: Duration = Duration::from_secs(60);
/// The first pause, doubled with every further wrong password.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause: a host that was mended is back within a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Counts wrong passwords by address.
///
/// A login that was verified before is not held up by its neighbours: it is found before anybody asks here.
pub struct Throttle {
    allowance: u32,
    addresses: Mutex<HashMap<Neighbourhood, Record>>,
}

struct Record {
    failures: u32,
    last: Instant,
    /// Until when forgiveness has been given.
    forgiven: Instant,
}

impl Throttle {
    /// Lets `allowance` wrong passwords of each address pass before it has to wait.
    #[must_use]
    pub fn new(allowance: u32) -> Self {
        Self { allowance, addresses: Mutex::default() }
    }

    /// Returns how long `client` still has to wait before its next password is looked at, if it has to.
    #[must_use]
    pub fn wait(&self, client: IpAddr) -> Option<Duration> {
        let mut addresses = self.addresses();
        let record = addresses.get_mut(&Neighbourhood::of(client))?;
        record.forgive();
        let beyond = record.failures.checked_sub(self.allowance)?.checked_sub(1)?;
        let pause = PAUSE.saturating_mul(1 << beyond.min(16)).min(LONGEST_PAUSE);
        pause.checked_sub(record.last.elapsed()).filter(|left| !left.is_zero())
    }

    /// Notes a wrong password from `client`.
    pub fn failed(&self, client: IpAddr) {
        let mut addresses = self.addresses();
        let address = Neighbourhood::of(client);
        if addresses.len() >= ADDRESSES && !addresses.contains_key(&address) {
            let oldest = addresses.iter().min_by_key(|(_, record)| record.last).map(|(address, _)| *address);
            oldest.and_then(|oldest| addresses.remove(&oldest));
        }
        let now = Instant::now();
        let record = addresses.entry(address).or_insert(Record { failures: 0, last: now, forgiven: now });
        record.forgive();
        // No further than the longest pause, so that forgiveness comes within minutes.
        record.failures = record.failures.saturating_add(1).min(self.allowance.saturating_add(8));
        record.last = now;
    }

    fn addresses(&self) -> MutexGuard<'_, HashMap<Neighbourhood, Record>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn forgive(&mut self) {
        let forgiven = self.forgiven.elapsed().as_secs() / FORGIVEN_EVERY.as_secs();
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_sub(forgiven);
        self.forgiven += FORGIVEN_EVERY.saturating_mul(forgiven);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [203, 0, 113, last].into()
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_allowance_each_wrong_password_costs_a_longer_pause() {
        let throttle = Throttle::new(3);
        for _ in 0..3 {
            throttle.failed(ip(1));
            assert_eq!(throttle.wait(ip(1)), None);
        }
        let mut pauses = Vec::new();
        // Beyond these, what is forgiven meanwhile shortens them.
        for _ in 0..5 {
            throttle.failed(ip(1));
            let pause = throttle.wait(ip(1)).unwrap();
            pauses.push(pause.as_secs());
            tokio::time::advance(pause - Duration::from_millis(1)).await;
            assert!(throttle.wait(ip(1)).is_some());
            tokio::time::advance(Duration::from_millis(1)).await;
            assert_eq!(throttle.wait(ip(1)), None);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16]);
        assert_eq!(throttle.wait(ip(2)), None, "another address is not held up");
        tokio::time::advance(FORGIVEN_EVERY * 10).await;
        throttle.failed(ip(1));
        assert_eq!(throttle.wait(ip(1)), None, "all is forgiven");
    }

    #[tokio::test(start_paused = true)]
    async fn however_many_addresses_there_are_the_table_stays_small() {
        let throttle = Throttle::new(0);
        for number in 0..5000_u32 {
            throttle.failed(std::net::Ipv4Addr::from_bits(number).into());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(throttle.addresses().len(), ADDRESSES);
        assert!(throttle.wait(std::net::Ipv4Addr::from_bits(4999).into()).is_some());
    }
}
