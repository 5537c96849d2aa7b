//! Makes a receiver of its settings.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::Receiver;
use super::discord::{Discord, Shared, Style};
use super::email::Email;
use super::hook::{Hook, SigningKey};
use super::settings::Place;
use super::slack::{self, Slack};
use super::terminal::Terminal;
use crate::metrics::Metrics;
use crate::template::{Escape, Moment, TemplateFault, TemplateTexts, Templates};

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
    let templates = templates(&place, texts)?;
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

/// Tries `texts` as they would be shown at `place`.
///
/// # Errors
/// When one of them is no template or fails.
pub(super) fn templates(place: &Place, texts: TemplateTexts) -> Result<Templates, TemplateFault> {
    let local = |zone: TimeZone| -> Moment {
        Arc::new(move |moment| moment.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string())
    };
    let (escape, moment): (Escape, Moment) = match place {
        Place::Discord(_) => (super::discord::escaped, Arc::new(super::discord::relative)),
        Place::Slack(_) => (slack::escaped, Arc::new(slack::date)),
        Place::Email(settings) => {
            let zone = settings.0.zone.as_ref().map_or_else(TimeZone::system, |zone| zone.0.clone());
            (str::to_owned, local(zone))
        }
        Place::Webhook(..) | Place::Terminal => (str::to_owned, local(TimeZone::system())),
    };
    Templates::build(texts, escape, moment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::compose;
    use crate::language::Language;
    use crate::receiver::endpoint::{Endpoint, PlainHttp};
    use crate::receiver::settings::SlackConfig;
    use crate::webhook;

    #[test]
    fn words_of_the_operators_own_are_escaped_for_the_place_they_go_to() {
        let body = r#"{"receiver":"r","alerts":[{"status":"firing","startsAt":"2026-11-22T07:14:23Z",
            "labels":{"alertname":"*A* <!here>","instance":"db-1"}}]}"#;
        let message = compose(&webhook::parse(body.as_bytes()).unwrap(), Language::En).unwrap();
        let texts = TemplateTexts {
            title: Some("{{ title }}".to_owned()),
            line: Some("{{ alert.name }}, {{ alert.when }}".to_owned()),
            body: None,
        };
        let url = Endpoint::parse(&"https://hooks.slack.com/services/T/B/x".into(), PlainHttp::Loopback).unwrap();
        let config: SlackConfig = serde_json::from_str(r#"{"webhook_url_file":"x"}"#).unwrap();
        let slack = templates(&Place::Slack(Box::new((config, url))), texts.clone()).unwrap();
        assert_eq!(slack.title(&message).unwrap(), "*A* &lt;!here&gt; — db-1");
        let line = slack.line(&message, &message.entries[0]).unwrap();
        assert!(line.starts_with("db-1, started <!date^1795331663^"), "{line}");
        let terminal = templates(&Place::Terminal, texts).unwrap();
        assert_eq!(terminal.title(&message).unwrap(), "*A* <!here> — db-1");
    }
}
