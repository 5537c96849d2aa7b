//! Makes a receiver of its settings.

use std::sync::Arc;

use super::Receiver;
use super::discord::{Discord, Shared, Style};
use super::email::Email;
use super::hook::{Hook, SigningKey};
use super::settings::Place;
use super::slack::{self, Slack};
use super::terminal::Terminal;
use crate::metrics::Metrics;
use crate::template::TemplateTexts;

/// Returns the receiver at `place`, with templates from `texts`; `shared` is what all Discord webhooks of this process have in
/// common.
///
/// # Errors
/// When a certificate store cannot be set up, or a template fails.
pub fn receiver(
    place: Place,
    texts: TemplateTexts,
    shared: &Arc<Shared>,
    metrics: &Metrics,
) -> anyhow::Result<Arc<dyn Receiver>> {
    let templates = place.templates(texts)?;
    Ok(match place {
        Place::Discord(settings) => {
            let (config, url) = *settings;
            let style = Style {
                username: config.username,
                avatar_url: config.avatar_url,
                mentions: config.mentions,
                thread_name: config.thread_name,
                templates,
            };
            Arc::new(Discord::new(url, style, Arc::clone(shared), metrics.clone())?)
        }
        Place::Slack(settings) => {
            let (config, url) = *settings;
            let style = slack::Style { username: config.username, mentions: config.mentions };
            Arc::new(Slack::new(url, style, templates)?)
        }
        Place::Email(settings) => {
            let (config, password) = *settings;
            Arc::new(Email::new(config, password, templates)?)
        }
        Place::Webhook(url, secret) => Arc::new(Hook::new(url, SigningKey::parse(&secret)?)?),
        Place::Terminal => Arc::new(Terminal::stdout().with(templates)),
    })
}
