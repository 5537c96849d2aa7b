//! How many connections there may be, in all and from one address, and who gives up a place for a newcomer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::neighbourhood::Neighbourhood;

/// What a seat's clock says while a request is at work.
const BUSY: u64 = 0;

/// The places for connections. Full, it asks the connection that has idled longest to leave, and refuses only when
/// every one is at work: five hundred sleepers keep nobody out.
#[derive(Clone)]
pub struct Places(Arc<Shared>);

struct Shared {
    limit: usize,
    limit_each: usize,
    /// What the seats' clocks count from.
    epoch: Instant,
    seats: Mutex<Seats>,
}

#[derive(Default)]
struct Seats {
    next: u64,
    taken: HashMap<u64, Seat>,
    by_address: HashMap<Neighbourhood, usize>,
}

struct Seat {
    /// Nobody's, when the address is that of a proxy which speaks for many.
    address: Option<Neighbourhood>,
    idle_since: Arc<AtomicU64>,
    leave: CancellationToken,
}

/// A place that was taken. Dropped, it is free again.
pub struct Place {
    shared: Arc<Shared>,
    number: u64,
    idle_since: Arc<AtomicU64>,
    leave: CancellationToken,
}

impl Places {
    /// Makes `limit` places, of which one address may have `limit_each`.
    #[must_use]
    pub fn new(limit: usize, limit_each: usize) -> Self {
        Self(Arc::new(Shared { limit, limit_each, epoch: Instant::now(), seats: Mutex::default() }))
    }

    /// Takes a place for `client`, or for a proxy that speaks for many. `stop` asks all to leave.
    ///
    /// None is left when all that count are at work.
    #[must_use]
    pub fn take(&self, client: Option<IpAddr>, stop: &CancellationToken) -> Option<Place> {
        let address = client.map(Neighbourhood::of);
        let mut seats = self.0.seats();
        if let Some(address) = address
            && seats.by_address.get(&address).is_some_and(|taken| *taken >= self.0.limit_each)
        {
            seats.make_room(Some(address))?;
        }
        if seats.taken.len() >= self.0.limit {
            seats.make_room(None)?;
        }
        let number = seats.next;
        seats.next += 1;
        let idle_since = Arc::new(AtomicU64::new(self.0.now()));
        let leave = stop.child_token();
        if let Some(address) = address {
            *seats.by_address.entry(address).or_default() += 1;
        }
        seats.taken.insert(number, Seat { address, idle_since: Arc::clone(&idle_since), leave: leave.clone() });
        drop(seats);
        Some(Place { shared: Arc::clone(&self.0), number, idle_since, leave })
    }

    /// Returns how many places are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.0.seats().taken.len()
    }
}

impl Shared {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the epoch, from 1: 0 says that somebody is at work.
    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

impl Seats {
    /// Sends away the one that has idled longest, of `address` or of all; none when all are at work.
    fn make_room(&mut self, address: Option<Neighbourhood>) -> Option<()> {
        let (number, _) = self
            .taken
            .iter()
            .filter(|(_, seat)| address.is_none() || seat.address == address)
            .map(|(number, seat)| (*number, seat.idle_since.load(Ordering::Relaxed)))
            .filter(|(_, since)| *since != BUSY)
            .min_by_key(|(number, since)| (*since, *number))?;
        let seat = self.leave(number)?;
        seat.leave.cancel();
        Some(())
    }

    fn leave(&mut self, number: u64) -> Option<Seat> {
        let seat = self.taken.remove(&number)?;
        if let Some(address) = seat.address
            && let Some(taken) = self.by_address.get_mut(&address)
        {
            *taken -= 1;
            if *taken == 0 {
                self.by_address.remove(&address);
            }
        }
        Some(seat)
    }
}

impl Place {
    /// Says that a request is at work, so that nobody takes this place.
    pub fn is_busy(&self) {
        self.idle_since.store(BUSY, Ordering::Relaxed);
    }

    /// Says that the connection waits for its next request.
    pub fn is_idle(&self) {
        self.idle_since.store(self.shared.now(), Ordering::Relaxed);
    }

    /// Returns what is cancelled when this connection should end after its present request.
    #[must_use]
    pub fn leave(&self) -> &CancellationToken {
        &self.leave
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Gone already when the place was given to a newcomer.
        self.shared.seats().leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ip(last: u8) -> Option<IpAddr> {
        Some([203, 0, 113, last].into())
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_sleeper_gives_up_its_place_and_whoever_works_keeps_it() {
        let (places, stop) = (Places::new(3, 2), CancellationToken::new());
        let first = places.take(ip(1), &stop).unwrap();
        tokio::time::advance(Duration::from_millis(5)).await;
        let second = places.take(ip(1), &stop).unwrap();
        first.is_busy();

        let third = places.take(ip(1), &stop).unwrap();
        assert!(second.leave().is_cancelled() && !first.leave().is_cancelled());
        third.is_busy();
        assert!(places.take(ip(1), &stop).is_none(), "both of this address are at work");
        let other = places.take(ip(2), &stop).unwrap();
        assert!(places.take(ip(3), &stop).is_some() && other.leave().is_cancelled());
        drop((first, third));
        assert!(places.take(ip(1), &stop).is_some());
    }

    #[tokio::test]
    async fn every_place_is_free_again() {
        let (places, stop) = (Places::new(2, 1), CancellationToken::new());
        for last in 0..100 {
            let place = places.take(ip(last), &stop);
            assert!(place.is_some(), "{last}");
        }
        let proxied = (places.take(None, &stop), places.take(None, &stop));
        assert!(proxied.0.is_some() && proxied.1.is_some(), "a proxy counts for nobody");
        drop(proxied);
        assert_eq!(places.taken(), 0);
        assert!(places.0.seats().by_address.is_empty());
    }
}
