//! The body of a Slack message, as far as we use it, and the limits that it must keep.

use serde::Serialize;

use crate::text::length;

/// Characters of a section's text.
pub const SECTION_LIMIT: usize = 3000;
/// Characters in all blocks of one message together. No reference names it; beyond about 13,000 a message is refused.
pub const ALL_TEXT_LIMIT: usize = 12_000;
/// Characters of the text above the blocks. Slack cuts at 40,000; a notification shows a few dozen.
pub const TEXT_LIMIT: usize = 3000;
/// Blocks of a message.
pub const BLOCKS_LIMIT: usize = 50;

/// One message as it is posted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Payload {
    /// The line that stands above the card, and in notifications.
    pub text: String,
    /// The card: only an attachment has a coloured bar.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Shown instead of the webhook's own name; webhooks of newer apps pass over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// No previews of pages that a text names.
    pub unfurl_links: bool,
    /// Nor of pictures.
    pub unfurl_media: bool,
}

/// The card.
#[derive(Clone, Debug, Serialize)]
pub struct Attachment {
    /// The bar at the left, `#rrggbb`.
    pub color: String,
    /// What stands beside it.
    pub blocks: Vec<Block>,
}

/// A part of the card.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Block {
    /// A paragraph.
    Section {
        /// Its text.
        text: Text,
    },
    /// Small print.
    Context {
        /// Its texts.
        elements: Vec<Text>,
    },
}

/// A text with Slack's markup.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "mrkdwn")]
pub struct Text {
    /// The text.
    pub text: String,
}

impl Block {
    /// Makes a paragraph.
    #[must_use]
    pub fn section(text: String) -> Self {
        Self::Section { text: Text { text } }
    }

    /// Makes small print.
    #[must_use]
    pub fn context(text: String) -> Self {
        Self::Context { elements: vec![Text { text }] }
    }

    fn texts(&self) -> &[Text] {
        match self {
            Self::Section { text } => std::slice::from_ref(text),
            Self::Context { elements } => elements,
        }
    }
}

/// Returns everything about `payload` that Slack would refuse it for; nothing when it is good to send.
#[must_use]
pub fn violations(payload: &Payload) -> Vec<String> {
    let mut found = Vec::new();
    let blocks: Vec<&Block> = payload.attachments.iter().flat_map(|attachment| &attachment.blocks).collect();
    let texts: Vec<&str> = blocks.iter().flat_map(|block| block.texts()).map(|text| text.text.as_str()).collect();
    found.extend(texts.iter().filter(|text| text.is_empty()).map(|_| "an empty text".to_owned()));
    let long = texts.iter().map(|text| length(text)).filter(|length| *length > SECTION_LIMIT);
    found.extend(long.map(|length| format!("a text of {length} characters, {SECTION_LIMIT} are allowed")));
    found.extend((blocks.len() > BLOCKS_LIMIT).then(|| format!("{} blocks, {BLOCKS_LIMIT} are allowed", blocks.len())));
    let total: usize = texts.iter().map(|text| length(text)).sum();
    found.extend((total > ALL_TEXT_LIMIT).then(|| format!("{total} characters in all, {ALL_TEXT_LIMIT} are allowed")));
    found.extend(payload.text.trim().is_empty().then(|| "an empty message".to_owned()));
    found
}
