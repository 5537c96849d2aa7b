//! The body of Discord's "execute webhook", as far as we use it, and the limits that it must keep.

use serde::Serialize;
use url::{Host, Url};

use crate::text::{is_blank, length};

/// Code points in `content`.
pub const CONTENT_LIMIT: usize = 2000;
/// Code points in an embed's title.
pub const TITLE_LIMIT: usize = 256;
/// Code points in an embed's description.
pub const DESCRIPTION_LIMIT: usize = 4096;
/// Code points in an embed's footer.
pub const FOOTER_LIMIT: usize = 2048;
/// Fields of an embed.
pub const FIELDS_LIMIT: usize = 25;
/// Code points in a field's name.
pub const NAME_LIMIT: usize = 256;
/// Code points in a field's value.
pub const VALUE_LIMIT: usize = 1024;
/// Code points in all embeds of one message together.
pub const TOTAL_LIMIT: usize = 6000;
/// Bytes of an address; ours are ASCII.
pub const URL_LIMIT: usize = 2048;
/// Embeds of one message.
pub const EMBEDS_LIMIT: usize = 10;
/// The flag of a message that comes without a sound.
pub const SILENT: u32 = 1 << 12;
/// Code points in the description of a file.
pub const ALT_LIMIT: usize = 1024;
/// Files of one message.
pub const FILES_LIMIT: usize = 10;
/// Bytes of all files of one message: 10 MiB, and room for what stands around them.
pub const FILES_BYTES_LIMIT: usize = 10 * 1024 * 1024 - 64 * 1024;
const USERNAME_LIMIT: usize = 80;
const COLOR_LIMIT: u32 = 0xFF_FF_FF;

/// One message as it is posted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Payload {
    /// Text above the embed: the only place where a mention pings.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// Shown instead of the webhook's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Shown instead of the webhook's own picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// The card; none in the plain form.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub embeds: Vec<Embed>,
    /// Who may be pinged. Always sent: Discord's own default pings users named in the text.
    pub allowed_mentions: AllowedMentions,
    /// [`SILENT`], or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<u32>,
    /// What the post of a forum channel is called that this opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_name: Option<String>,
    /// What is said of each of `files`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Files that travel beside it.
    #[serde(skip)]
    pub files: Vec<AttachedFile>,
}

/// What a message says of a file beside it.
#[derive(Clone, Debug, Serialize)]
pub struct Attachment {
    /// The place of the file.
    pub id: usize,
    /// Its name, by which an embed refers to it.
    pub filename: String,
    /// For those who cannot see it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// A file beside a message.
#[derive(Clone, Debug)]
pub struct AttachedFile {
    /// Its name: without blanks, which Discord would change.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// A picture in an embed.
#[derive(Clone, Debug, Serialize)]
pub struct Image {
    /// `attachment://` and the name of a file.
    pub url: String,
}

/// What replaces a message. All of it is sent, since what is left out would stay as it was; name and picture cannot change.
#[derive(Debug, Serialize)]
pub struct Edit<'a> {
    content: &'a str,
    embeds: &'a [Embed],
    allowed_mentions: AllowedMentions,
}

impl Payload {
    /// Returns this message as a replacement of one that stands already; an edit pings nobody.
    #[must_use]
    pub fn as_edit(&self) -> Edit<'_> {
        Edit { content: &self.content, embeds: &self.embeds, allowed_mentions: AllowedMentions::default() }
    }
}

/// The card of a message.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Embed {
    /// First line, in bold.
    pub title: String,
    /// Where the title leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The text, with markdown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The bar at the left, as 0xRRGGBB.
    pub color: u32,
    /// Names with values, as a table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// A picture below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// Small print below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<Footer>,
}

/// One cell of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Field {
    /// Its heading.
    pub name: String,
    /// What stands below.
    pub value: String,
    /// Whether others may stand beside it.
    pub inline: bool,
}

/// Small print, without markdown.
#[derive(Clone, Debug, Serialize)]
pub struct Footer {
    /// The text.
    pub text: String,
}

/// Who may be pinged.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AllowedMentions {
    /// Always empty: no kind of mention pings by being in the text.
    pub parse: [&'static str; 0],
    /// The roles that the operator configured, by id.
    pub roles: Vec<String>,
}

/// Returns everything about `payload` that Discord would refuse it for; nothing when it is good to send.
#[must_use]
pub fn violations(payload: &Payload) -> Vec<String> {
    let mut found = Vec::new();
    let mut at_most = |what: &str, text: &str, limit: usize| {
        // Discord trims before it counts; what counts here is an upper bound of what counts there.
        if length(text) > limit {
            found.push(format!("{what} has {} code points, {limit} are allowed", length(text)));
        }
    };
    at_most("content", &payload.content, CONTENT_LIMIT);
    at_most("username", payload.username.as_deref().unwrap_or_default(), USERNAME_LIMIT);
    for embed in &payload.embeds {
        at_most("title", &embed.title, TITLE_LIMIT);
        at_most("description", &embed.description, DESCRIPTION_LIMIT);
        at_most("footer", embed.footer.as_ref().map_or("", |footer| &footer.text), FOOTER_LIMIT);
        for field in &embed.fields {
            at_most("name of a field", &field.name, NAME_LIMIT);
            at_most("value of a field", &field.value, VALUE_LIMIT);
        }
    }
    for embed in &payload.embeds {
        found.extend((embed.fields.len() > FIELDS_LIMIT).then(|| format!("{} fields", embed.fields.len())));
        let blank = embed.fields.iter().any(|field| is_blank(&field.name) || is_blank(&field.value));
        found.extend(blank.then(|| "a field is blank".to_owned()));
        found.extend((embed.color > COLOR_LIMIT).then(|| format!("color {:#x}", embed.color)));
        let bare = is_blank(&embed.title) && is_blank(&embed.description);
        found.extend(bare.then(|| "an embed without title and description".to_owned()));
        let blank_footer = embed.footer.as_ref().is_some_and(|footer| is_blank(&footer.text));
        found.extend(blank_footer.then(|| "a footer is blank".to_owned()));
        let url = embed.url.as_deref().and_then(|url| Url::parse(url).ok());
        let bad = embed.url.is_some() && !url.is_some_and(|url| is_acceptable(&url));
        found.extend(bad.then(|| "an address that Discord does not take".to_owned()));
    }
    let embeds = payload.embeds.len();
    found.extend((embeds > EMBEDS_LIMIT).then(|| format!("{embeds} embeds, {EMBEDS_LIMIT} are allowed")));
    let total: usize = payload.embeds.iter().map(total).sum();
    found.extend((total > TOTAL_LIMIT).then(|| format!("{total} code points in all, {TOTAL_LIMIT} are allowed")));
    let empty = is_blank(&payload.content) && payload.embeds.is_empty();
    found.extend(empty.then(|| "an empty message".to_owned()));
    found
}

/// Returns whether Discord takes `url` as the address of an embed or a picture. It refuses the whole message for
/// a host without a dot, which is what Alertmanager calls itself by default.
#[must_use]
pub fn is_acceptable(url: &Url) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let host = match url.host() {
        Some(Host::Domain(name)) => {
            let labels: Vec<&str> = name.split('.').collect();
            let last = labels.last().is_some_and(|label| label.len() >= 2);
            name.len() <= 253 && labels.len() >= 2 && last && labels.into_iter().all(is_label)
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    };
    matches!(url.scheme(), "http" | "https") && host && url.as_str().len() <= URL_LIMIT
}

/// Returns the code points that count against [`TOTAL_LIMIT`].
pub fn total(embed: &Embed) -> usize {
    let fields: usize = embed.fields.iter().map(|field| length(&field.name) + length(&field.value)).sum();
    let footer = embed.footer.as_ref().map_or(0, |footer| length(&footer.text));
    length(&embed.title) + length(&embed.description) + footer + fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(embed: Embed) -> Payload {
        Payload { embeds: vec![embed], ..Payload::default() }
    }

    #[test]
    fn every_limit_is_inclusive_and_in_code_points() {
        let at = |title, description| Embed {
            title: "災".repeat(title),
            description: "a".repeat(description),
            ..Embed::default()
        };
        assert_eq!(violations(&payload(at(256, 4096))), Vec::<String>::new());
        assert_eq!(violations(&payload(at(257, 1))), ["title has 257 code points, 256 are allowed"]);
        assert_eq!(violations(&payload(at(1, 4097))), ["description has 4097 code points, 4096 are allowed"]);
    }

    #[test]
    fn what_is_blank_or_too_much_in_all_is_found() {
        let field = |value: &str| Field { name: "n".into(), value: value.into(), inline: true };
        let embed = |fields| payload(Embed { title: "t".into(), fields, ..Embed::default() });
        assert_eq!(violations(&embed(vec![field(" \u{3000}")])), ["a field is blank"]);
        assert_eq!(
            violations(&embed(vec![field(&"v".repeat(1024)); 6])),
            ["6151 code points in all, 6000 are allowed"]
        );
        assert_eq!(violations(&Payload::default()), ["an empty message"]);
        assert_eq!(violations(&payload(Embed::default())), ["an embed without title and description"]);
    }

    #[test]
    fn an_address_needs_a_dot_or_numbers() {
        for (address, good) in [
            ("https://am.example.com/x", true),
            ("http://192.168.0.1:9093", true),
            ("http://[::1]:9093/", true),
            ("http://alertmanager:9093", false),
            ("http://localhost", false),
            ("http://my_host.example.com", false),
            ("http://host.example.", false),
            ("ftp://am.example.com", false),
        ] {
            assert_eq!(is_acceptable(&Url::parse(address).unwrap()), good, "{address}");
        }
        assert!(!is_acceptable(&Url::parse(&format!("https://a.example/{}", "x".repeat(2048))).unwrap()));
    }
}
