//! Work on threads that may block. The one that serves is for everybody: while it works for one, the others wait.

/// Work on fewer bytes takes less time than to hand it to another thread and back, or not much more.
const FEW_BYTES: usize = 16 * 1024;

/// Does work on another thread.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Does work on so many bytes: at once if they are few.
pub async fn aside_if_many<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if bytes < FEW_BYTES { work() } else { aside(work).await }
}
