//! Listens for changes. What it hears only makes us look sooner: nothing depends on it.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::mpsc::Sender;

use super::Link;

/// Pause after the listener's connection broke.
const PAUSE: Duration = Duration::from_secs(1);
/// A connection that was silent for so long may be half dead; a new one costs next to nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Sends a hint for every change in Redis, for ever. To be dropped when it is not wanted any more.
pub async fn hints(link: Link, hints: Sender<()>) {
    loop {
        let _ = listen(&link, &hints).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(link: &Link, hints: &Sender<()>) -> redis::RedisResult<()> {
    let mut pubsub = link.client().get_async_pubsub().await?;
    pubsub.subscribe(link.keys().channel()).await?;
    let mut messages = pubsub.into_on_message();
    while let Ok(Some(_)) = tokio::time::timeout(SILENCE, messages.next()).await {
        // One hint that waits is as good as many.
        let _ = hints.try_send(());
    }
    Ok(())
}
