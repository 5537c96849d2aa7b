//! Questions that may never be answered, asked on threads of their own.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A worker that has said nothing for so long is taken to be stuck, and the next one goes on behind it.
const SUSPICION: Duration = Duration::from_millis(50);
/// The least that a thread needs here: one system call, and glibc's own room.
const STACK_BYTES: usize = 64 * 1024;

/// The paths that somebody waits for an answer about.
#[derive(Debug, Default)]
pub struct Stuck(Arc<Mutex<HashSet<PathBuf>>>);

impl Stuck {
    fn is_waited_for(&self, path: &Path) -> bool {
        lock(&self.0).contains(path)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks `question` about each path and returns the answers in the order of the paths; `None` where there was none
/// within `patience`.
///
/// One thread asks about all of them. Only when it stays silent does a second go on with the next path, and so on, so
/// that a healthy host pays for one thread, and one dead mount costs the others nothing. A thread that is stuck stays
/// behind: there is no way to call it back from the kernel. So a path is left out, without a wait, as long as one that asked
/// about it earlier is `stuck`: a service must not gather threads.
pub fn ask_each<T: Send + 'static>(
    stuck: &Stuck,
    paths: Vec<PathBuf>,
    patience: Duration,
    question: impl Fn(&Path) -> T + Clone + Send + 'static,
) -> Vec<Option<T>> {
    let mut answers: Vec<Option<T>> = paths.iter().map(|_| None).collect();
    let asked: Vec<_> = paths.into_iter().enumerate().filter(|(_, path)| !stuck.is_waited_for(path)).collect();
    let mut missing = asked.len();
    let queue = Arc::new(Mutex::new(asked.into_iter()));
    let deadline = Instant::now() + patience;
    // Held here, the sender keeps `answer` from ending before all answers are in.
    let (sender, answer) = mpsc::channel();
    let mut needs_worker = missing > 0;
    while missing > 0 {
        if needs_worker {
            let (queue, sender, question) = (Arc::clone(&queue), sender.clone(), question.clone());
            let waiting = Arc::clone(&stuck.0);
            let next = move || lock(&queue).next();
            let work = move || {
                while let Some((index, path)) = next() {
                    lock(&waiting).insert(path.clone());
                    let answer = question(&path);
                    lock(&waiting).remove(&path);
                    if sender.send((index, answer)).is_err() {
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
                needs_worker = lock(&queue).len() > 0;
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
        let answers = ask_each(&Stuck::default(), paths(50), Duration::from_secs(60), |path| path.to_owned());
        assert_eq!(answers.into_iter().map(Option::unwrap).collect::<Vec<_>>(), paths(50));
    }

    #[test]
    fn nothing_is_asked_about_nothing() {
        assert_eq!(ask_each(&Stuck::default(), Vec::new(), Duration::from_secs(60), |_| ()), []);
    }

    #[test]
    fn a_mount_that_never_answers_costs_only_itself() {
        // Three of the mounts hang until the test is over; the others answer behind them.
        let (release, hang) = channel::<()>();
        let hang = Arc::new(Mutex::new(hang));
        let answers = ask_each(&Stuck::default(), paths(9), Duration::from_secs(2), move |path| {
            if ["0", "4", "8"].iter().any(|dead| Path::new(dead) == path) {
                let _ = hang.lock().map(|hang| hang.recv());
            }
            path.to_owned()
        });
        let answered: Vec<bool> = answers.iter().map(Option::is_some).collect();
        assert_eq!(answered, [false, true, true, true, false, true, true, true, false]);
        drop(release);
    }

    #[test]
    fn what_hangs_is_not_asked_again_until_it_answers() {
        let stuck = Stuck::default();
        let (release, hang) = channel::<()>();
        let hang = Arc::new(Mutex::new(hang));
        let asked = Arc::new(Mutex::new(0));
        let ask = |patience: Duration| {
            let (hang, asked) = (Arc::clone(&hang), Arc::clone(&asked));
            ask_each(&stuck, paths(2), patience, move |path| {
                if path == Path::new("1") {
                    *lock(&asked) += 1;
                    let _ = lock(&hang).recv();
                }
                path.to_owned()
            })
        };
        let answered = |answers: Vec<Option<PathBuf>>| answers.iter().map(Option::is_some).collect::<Vec<_>>();
        assert_eq!(answered(ask(Duration::from_millis(200))), [true, false]);
        let began = Instant::now();
        for _ in 0..20 {
            assert_eq!(answered(ask(Duration::from_secs(60))), [true, false]);
        }
        assert!(began.elapsed() < Duration::from_secs(30), "nobody waits for it");
        assert_eq!(*lock(&asked), 1);
        drop(release);
        while stuck.is_waited_for(Path::new("1")) {
            thread::yield_now();
        }
        assert_eq!(answered(ask(Duration::from_secs(60))), [true, true]);
    }
}
