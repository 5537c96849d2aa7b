//! The dead man's switch on the real engines: who watches the watchers, and who tells.

use e2e::world::World;

/// Far longer than from one sign of life to the next, a second, so that a slow machine is no dead one.
const CONFIG: &str = "  watchdog:\n    timeout: 12s\n";

async fn is_alive(world: &World) {
    world
        .eventually("a sign of life", async || {
            let metrics = world.bridge_metrics().await;
            let alive =
                metrics.lines().find_map(|line| line.strip_prefix("noroshi_bridge_webhooks_total{outcome=\"alive\"} "));
            alive.filter(|count| count.parse::<f64>().is_ok_and(|count| count >= 1.0)).map(|_| ())
        })
        .await;
}

#[tokio::test]
async fn a_dead_prometheus_is_told_once_and_its_return_with_how_long_it_was_away() {
    let world = World::watched_over(CONFIG).await;
    is_alive(&world).await;
    assert!(world.discord.messages().is_empty(), "a sign of life is no news");

    world.kill("prometheus");
    let silent = world.next_message().await;
    assert!(silent.text().contains("No sign of life"), "{}", silent.text());
    assert!(silent.title().starts_with("🔴"), "{}", silent.title());
    // A bridge that starts now has nothing new to say, and remembers what was said.
    world.kill("alert-bridge");
    world.start_bridge();
    world.stays_quiet(16).await;

    world.start_prometheus();
    world
        .eventually("the end of the silence", async || {
            let messages = world.discord.messages();
            messages
                .iter()
                .find(|message| message.text().contains("Recovered") && message.text().contains("after"))
                .map(|_| ())
        })
        .await;
    world.stays_quiet(2).await;
}

#[tokio::test]
async fn a_bridge_that_starts_while_alertmanager_is_dead_says_so_after_a_while() {
    let world = World::watched_over(CONFIG).await;
    is_alive(&world).await;
    world.kill("alert-bridge");
    world.kill("alertmanager");
    world.start_bridge();
    let silent = world.next_message().await;
    assert!(silent.text().contains("No sign of life"), "{}", silent.text());
}
