//! The address of a Discord webhook: whoever has it may post, so it is a secret as a whole.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// A webhook's address, in the form of Discord's current API.
///
/// Only [`WebhookUrl::parse`] makes one. Shown anywhere, it names the host and keeps the rest to itself.
#[derive(Clone)]
pub struct WebhookUrl {
    host: String,
    url: SecretString,
}

/// Why an address is not one of a Discord webhook. Never quotes it: most of it is the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAWebhook {
    /// Not an address at all.
    #[error("it is not a URL")]
    NotAUrl,
    /// Not https, and not on this machine.
    #[error("it must use https (http is for this machine only): whoever reads the address may post")]
    NotSecure,
    /// Another path.
    #[error(
        "its path is not /api/webhooks/ID/TOKEN; copy it in Discord: channel settings, Integrations, Webhooks, Copy Webhook URL"
    )]
    NotDiscords,
    /// Something behind the path that we would have to ignore.
    #[error("behind the path it may only say ?thread_id=NUMBER")]
    UnknownQuery,
}

impl WebhookUrl {
    /// Reads an address as it was copied from Discord, and brings it to the current version of the API: what people
    /// copy has none, which means an old one that does not say what it refuses.
    ///
    /// # Errors
    /// When it is not the address of a webhook.
    pub fn parse(address: &SecretString) -> Result<Self, NotAWebhook> {
        let mut url = Url::parse(address.expose_secret().trim()).map_err(|_| NotAWebhook::NotAUrl)?;
        let on_this_machine = match url.host().ok_or(NotAWebhook::NotAUrl)? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && on_this_machine) {
            return Err(NotAWebhook::NotSecure);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NotAWebhook::NotDiscords);
        }
        let path = path(url.path()).ok_or(NotAWebhook::NotDiscords)?;
        let thread = thread(&url)?;
        url.set_path(&path);
        url.set_fragment(None);
        url.set_query(Some("wait=true"));
        if let Some(thread) = thread {
            url.query_pairs_mut().append_pair("thread_id", &thread);
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        Ok(Self { host, url: SecretString::from(url.to_string()) })
    }

    /// Returns the address of the message `id`, which Discord gave us; in a forum it is `THREAD/ID`.
    pub(super) fn of_message(&self, id: &str) -> String {
        if let Some((thread, id)) = id.split_once('/') {
            let address = self.url.expose_secret();
            let path = address.split_once('?').map_or(address, |(path, _)| path);
            return format!("{path}/messages/{id}?thread_id={thread}");
        }
        let address = self.url.expose_secret();
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let thread = query.split('&').find(|pair| pair.starts_with("thread_id="));
        format!("{path}/messages/{id}{}", thread.map(|thread| format!("?{thread}")).unwrap_or_default())
    }

    /// Returns the address to post to in `thread`, which Discord gave us.
    pub(super) fn in_thread(&self, thread: &str) -> String {
        let address = self.url.expose_secret();
        let path = address.split_once('?').map_or(address, |(path, _)| path);
        format!("{path}?wait=true&thread_id={thread}")
    }

    /// Returns the address to post to, which asks Discord to answer only once the message is kept.
    #[must_use]
    pub(super) fn expose(&self) -> &str {
        self.url.expose_secret()
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the webhook at {}", self.host)
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({})", self.host)
    }
}

/// `/api/webhooks/1/t` and `/api/v9/webhooks/1/t` are `/api/v10/webhooks/1/t`.
fn path(path: &str) -> Option<String> {
    let mut parts = path.strip_prefix("/api/")?.trim_end_matches('/').split('/').peekable();
    let is_version = |part: &str| part.strip_prefix('v').is_some_and(is_number);
    if parts.peek().is_some_and(|part| is_version(part)) {
        parts.next();
    }
    let (Some("webhooks"), Some(id), Some(token), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let is_token =
        !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    (is_number(id) && is_token).then(|| format!("/api/v10/webhooks/{id}/{token}"))
}

fn thread(url: &Url) -> Result<Option<String>, NotAWebhook> {
    let mut thread = None;
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "thread_id" if is_number(&value) => thread = Some(value.into_owned()),
            "wait" => {}
            _ => return Err(NotAWebhook::UnknownQuery),
        }
    }
    Ok(thread)
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> Result<WebhookUrl, NotAWebhook> {
        WebhookUrl::parse(&SecretString::from(address))
    }

    #[test]
    fn what_people_copy_is_brought_to_the_current_version() {
        for (copied, posted) in [
            ("https://discord.com/api/webhooks/1/t-o_K", "https://discord.com/api/v10/webhooks/1/t-o_K?wait=true"),
            ("https://discordapp.com/api/v6/webhooks/1/t/", "https://discordapp.com/api/v10/webhooks/1/t?wait=true"),
            (
                " https://discord.com/api/webhooks/1/t?wait=false\n",
                "https://discord.com/api/v10/webhooks/1/t?wait=true",
            ),
            (
                "https://discord.com/api/webhooks/1/t?thread_id=22",
                "https://discord.com/api/v10/webhooks/1/t?wait=true&thread_id=22",
            ),
            ("http://127.0.0.1:8080/api/webhooks/1/t", "http://127.0.0.1:8080/api/v10/webhooks/1/t?wait=true"),
            ("http://[::1]/api/webhooks/1/t", "http://[::1]/api/v10/webhooks/1/t?wait=true"),
        ] {
            assert_eq!(parse(copied).unwrap().expose(), posted);
        }
    }

    #[test]
    fn a_message_has_an_address_of_its_own() {
        let of = |address: &str| parse(address).unwrap().of_message("9");
        assert_eq!(of("https://discord.com/api/webhooks/1/t"), "https://discord.com/api/v10/webhooks/1/t/messages/9");
        let in_thread = of("https://discord.com/api/webhooks/1/t?thread_id=22");
        assert_eq!(in_thread, "https://discord.com/api/v10/webhooks/1/t/messages/9?thread_id=22");
    }

    #[test]
    fn anything_else_is_refused() {
        for (address, reason) in [
            ("", NotAWebhook::NotAUrl),
            ("discord.com/api/webhooks/1/hunter2", NotAWebhook::NotAUrl),
            ("http://discord.com/api/webhooks/1/hunter2", NotAWebhook::NotSecure),
            ("ftp://127.0.0.1/api/webhooks/1/hunter2", NotAWebhook::NotSecure),
            ("https://u:hunter2@discord.com/api/webhooks/1/hunter2", NotAWebhook::NotDiscords),
            ("https://hooks.slack.com/services/T/B/hunter2", NotAWebhook::NotDiscords),
            ("https://discord.com/api/webhooks/1", NotAWebhook::NotDiscords),
            ("https://discord.com/api/webhooks/hunter2/1x", NotAWebhook::NotDiscords),
            ("https://discord.com/api/webhooks/1/hunter2/slack", NotAWebhook::NotDiscords),
            ("https://discord.com/api/webhooks/1/hunter2?thread_id=general", NotAWebhook::UnknownQuery),
            ("https://discord.com/api/webhooks/1/t?token=hunter2", NotAWebhook::UnknownQuery),
        ] {
            assert_eq!(parse(address).unwrap_err(), reason, "{address}");
            assert!(!reason.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn no_way_to_print_it_shows_the_token() {
        let url = parse("https://discord.com/api/webhooks/1/hunter2").unwrap();
        assert_eq!(format!("{url} {url:?}"), "the webhook at discord.com WebhookUrl(discord.com)");
    }
}
