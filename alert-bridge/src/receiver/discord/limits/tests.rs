//! When the next message may leave.

use super::*;

/// Seconds from now until `deed` may be done, in hundredths.
fn wait(budget: &Budget, deed: Deed) -> f64 {
    let wait = budget.opens_at(deed).saturating_duration_since(Instant::now());
    (wait.as_secs_f64() * 100.0).round() / 100.0
}

fn budget() -> Budget {
    Budget::new(Arc::new(Shared::default()))
}

fn left(remaining: u64, seconds: f64) -> Option<Limit> {
    Some(Limit { remaining, reset_after: Duration::from_secs_f64(seconds) })
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_webhooks_limit_is_spread_over_its_time() {
    let budget = budget();
    assert_eq!(wait(&budget, Deed::Post), 0.0);
    budget.learn(Deed::Post, left(4, 2.0), None);
    assert_eq!(wait(&budget, Deed::Post), 0.4);
    assert_eq!(wait(&budget, Deed::Edit), 0.0, "edits are counted apart");
    budget.learn(Deed::Post, left(0, 0.4), None);
    assert_eq!(wait(&budget, Deed::Post), 0.45);
    tokio::time::advance(Duration::from_millis(450)).await;
    assert_eq!(wait(&budget, Deed::Post), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_channel_takes_thirty_in_a_minute_and_most_of_them_soon() {
    let (budget, begin) = (budget(), Instant::now());
    let mut moments = Vec::new();
    for _ in 0..60 {
        tokio::time::sleep_until(budget.opens_at(Deed::Post)).await;
        budget.spend(Deed::Post);
        moments.push(begin.elapsed());
    }
    for window in moments.windows(31) {
        assert!(window[30] - window[0] >= Duration::from_secs(60), "{window:?}");
    }
    assert_eq!(moments.iter().filter(|moment| **moment < Duration::from_secs(12)).count(), 24, "{moments:?}");
    assert!(moments[59] < Duration::from_secs(121), "{moments:?}");
}

#[tokio::test(start_paused = true)]
async fn webhooks_of_one_channel_share_its_budget_once_they_know() {
    let shared = Arc::new(Shared::new(Rate { count: 2, window: Duration::from_secs(60) }));
    let (one, other, elsewhere) = (Budget::new(shared.clone()), Budget::new(shared.clone()), Budget::new(shared));
    for (budget, channel) in [(&one, "7"), (&other, "7"), (&elsewhere, "8")] {
        budget.spend(Deed::Post);
        budget.learn(Deed::Post, None, Some(channel));
    }
    assert_eq!((wait(&one, Deed::Post), wait(&other, Deed::Post)), (60.05, 60.05));
    assert!(wait(&elsewhere, Deed::Post) < 60.0);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_told_to_wait_waits_and_nobody_else() {
    let shared = Arc::new(Shared::default());
    let (one, other) = (Budget::new(shared.clone()), Budget::new(shared));
    one.blocked(Deed::Edit, Scope::User, Duration::from_secs(1));
    assert_eq!((wait(&one, Deed::Edit), wait(&one, Deed::Post), wait(&other, Deed::Edit)), (1.05, 0.0, 0.0));
    one.blocked(Deed::Post, Scope::Shared, Duration::from_secs(40));
    // Bucket headers that look healthy do not open what the channel has closed.
    one.learn(Deed::Post, left(4, 2.0), None);
    assert_eq!((wait(&one, Deed::Post), wait(&other, Deed::Post)), (40.05, 0.0));
    one.blocked(Deed::Post, Scope::Global, Duration::from_secs(2));
    assert_eq!((wait(&other, Deed::Post), wait(&other, Deed::Edit)), (2.05, 2.05));
    other.blocked(Deed::Post, Scope::Cloudflare, Duration::from_secs(60));
    assert_eq!((wait(&one, Deed::Post), wait(&one, Deed::Edit)), (60.05, 60.05));
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_spend_a_channels_budget_twice() {
    tokio::time::advance(Duration::from_secs(100)).await;
    let budget = budget();
    budget.remember(&[Duration::from_secs(70), Duration::from_secs(1)]);
    assert_eq!(wait(&budget, Deed::Post), 0.0);
    let ages: Vec<_> = (2..=30).map(Duration::from_secs).collect();
    budget.remember(&ages);
    assert_eq!(wait(&budget, Deed::Post), 30.05);
}

#[tokio::test(start_paused = true)]
async fn old_messages_are_edited_three_times_in_twenty_seconds() {
    let budget = budget();
    budget.spend(Deed::EditOld);
    assert_eq!((wait(&budget, Deed::EditOld), wait(&budget, Deed::Edit)), (7.0, 0.0));
}

#[test]
fn a_rate_is_written_as_two_numbers() {
    assert_eq!("30/60".parse(), Ok(Rate { count: 30, window: Duration::from_secs(60) }));
    for wrong in ["", "30", "0/60", "30/0", "30/60/1", "a/b", "-1/60"] {
        assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
    }
}
