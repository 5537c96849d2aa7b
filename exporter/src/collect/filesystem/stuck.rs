//! Questions that may never be answered, asked on threads of their own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A worker that has said nothing for so long is taken to be stuck, and the next one goes on behind it.
const SUSPICION: Duration = Duration::from_millis(50);
/// The least that a thread needs here: one system call, and glibc's own room.
const STACK_BYTES: usize = 64 * 1024;

/// Asks `question` about each path and returns the answers in the order of the paths; `None` where there was none
/// within `patience`.
///
/// One thread asks about all of them. Only when it stays silent does a second go on with the next path, and so on, so
/// that a healthy host pays for one thread, and one dead mount costs the others nothing. A thread that is stuck stays
/// behind: there is no way to call it back from the kernel.
pub fn ask_each<T: Send + 'static>(
    paths: Vec<PathBuf>,
    patience: Duration,
    question: impl Fn(&Path) -> T + Clone + Send + 'static,
) -> Vec<Option<T>> {
    let mut answers: Vec<Option<T>> = paths.iter().map(|_| None).collect();
    let mut missing = paths.len();
    let queue = Arc::new(Mutex::new(paths.into_iter().enumerate()));
    let deadline = Instant::now() + patience;
    // Held here, the sender keeps `answer` from ending before all answers are in.
    let (sender, answer) = mpsc::channel();
    let mut needs_worker = missing > 0;
    while missing > 0 {
        if needs_worker {
            let (queue, sender, question) = (Arc::clone(&queue), sender.clone(), question.clone());
            let next = move || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let work = move || {
                while let Some((index, path)) = next() {
                    if sender.send((index, question(&path))).is_err() {
                        return; // Nobody waits any more.
                    }
                }
            };
            // Where no more threads may be made, those that there are have to do.
            let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match answer.recv_timeout(left.min(SUSPICION)) {
            Ok((index, value)) => {
                answers[index] = Some(value);
                missing -= 1;
                needs_worker = false;
            }
            Err(RecvTimeoutError::Timeout) if left.is_zero() => break,
            Err(RecvTimeoutError::Timeout) => {
                needs_worker = queue.lock().unwrap_or_else(PoisonError::into_inner).len() > 0;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn paths(count: usize) -> Vec<PathBuf> {
        (0..count).map(|number| PathBuf::from(number.to_string())).collect()
    }

    #[test]
    fn answers_come_back_in_the_order_of_the_questions() {
        let answers = ask_each(paths(50), Duration::from_secs(60), |path| path.to_owned());
        assert_eq!(answers.into_iter().map(Option::unwrap).collect::<Vec<_>>(), paths(50));
    }

    #[test]
    fn nothing_is_asked_about_nothing() {
        assert_eq!(ask_each(Vec::new(), Duration::from_secs(60), |_| ()), []);
    }

    #[test]
    fn a_mount_that_never_answers_costs_only_itself() {
        // Three of the mounts hang until the test is over; the others answer behind them.
        let (release, hang) = channel::<()>();
        let hang = Arc::new(Mutex::new(hang));
        let answers = ask_each(paths(9), Duration::from_secs(2), move |path| {
            if ["0", "4", "8"].iter().any(|dead| Path::new(dead) == path) {
                let _ = hang.lock().map(|hang| hang.recv());
            }
            path.to_owned()
        });
        let answered: Vec<bool> = answers.iter().map(Option::is_some).collect();
        assert_eq!(answered, [false, true, true, true, false, true, true, true, false]);
        drop(release);
    }
}
