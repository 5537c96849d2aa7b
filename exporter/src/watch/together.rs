//! Many things at once, on one thread.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Runs all of `futures` side by side and returns what they did, in their order.
pub async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for (future, output) in running.iter_mut().zip(&mut outputs) {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *output = Some(value),
                    Poll::Pending => is_done = false,
                }
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn all_of_them_take_as_long_as_the_longest() {
        let began = Instant::now();
        let work = |seconds: u64| async move {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        };
        assert_eq!(all(vec![work(3), work(1), work(2)]).await, [3, 1, 2]);
        assert_eq!(began.elapsed().as_secs(), 3);
        assert_eq!(all::<std::future::Ready<()>>(Vec::new()).await, []);
    }
}
