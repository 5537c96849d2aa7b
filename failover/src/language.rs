//! What people are told, in English and Japanese.

use serde::Deserialize;

use crate::core::event::Why;

/// The language of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

impl Language {
    /// The title of the message that the bot has moved.
    #[must_use]
    pub fn title(self, bot: &str, site: &str) -> String {
        match self {
            Self::En => format!("{bot} now runs on {site}"),
            Self::Ja => format!("{bot} は {site} で稼働しています"),
        }
    }

    /// Why it has.
    #[must_use]
    pub fn why(self, why: Why, from: Option<&str>) -> String {
        match (self, why, from) {
            (Self::En, Why::HandedOver, Some(from)) => format!("{from} handed it over"),
            (Self::En, Why::Released, Some(from)) => format!("{from} gave it back"),
            (Self::En, Why::WaitedOut, Some(from)) => format!("{from} was not heard of any more"),
            (Self::En, ..) => "first start".to_owned(),
            (Self::Ja, Why::HandedOver, Some(from)) => format!("{from} から引き継ぎました"),
            (Self::Ja, Why::Released, Some(from)) => format!("{from} が手放しました"),
            (Self::Ja, Why::WaitedOut, Some(from)) => format!("{from} からの応答が途絶えました"),
            (Self::Ja, ..) => "初回起動です".to_owned(),
        }
    }

    /// The name of a field: `from`, `to`, `epoch` or `gap`.
    #[must_use]
    pub fn field(self, field: &'static str) -> &'static str {
        match (self, field) {
            (Self::Ja, "from") => "移動元",
            (Self::Ja, "to") => "移動先",
            (Self::Ja, "epoch") => "エポック",
            (Self::Ja, "gap") => "停止時間",
            _ => field,
        }
    }
}
