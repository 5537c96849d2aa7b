//! What the bridge has to say of itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Language;
use crate::kind::Level;
use crate::note::Note;

impl Language {
    /// That a receiver takes no messages any more, told where somebody can still read it.
    pub(crate) fn receiver_is_dead(self, name: &str, reason: &str, takes_over: bool, now: Timestamp) -> Note {
        let (title, text) = match self {
            Self::En => {
                let meanwhile =
                    if takes_over { "What it would be told comes here instead" } else { "What waits for it is kept" };
                (
                    format!("Alerts do not reach `{name}` any more"),
                    format!(
                        "{reason}\n{meanwhile}. Mend its address and start alert-bridge again, or run `alert-bridge queue retry`."
                    ),
                )
            }
            Self::Ja => {
                let meanwhile = if takes_over {
                    "その間の通知は代わりにこちらに届きます。"
                } else {
                    "届けられなかったものは保存されています。"
                };
                (
                    format!("`{name}` にアラートが届かなくなりました"),
                    format!(
                        "{reason}\n{meanwhile}宛先を直して alert-bridge を再起動するか、`alert-bridge queue retry` を実行してください。"
                    ),
                )
            }
        };
        Note::new(Level::Error, title, text, now)
    }

    /// That a receiver has not answered for too long, told to those who stand in for it.
    pub(crate) fn receiver_is_away(self, name: &str, lasts: Duration, now: Timestamp) -> Note {
        let lasts = self.duration(SignedDuration::try_from(lasts).unwrap_or_default());
        let (title, text) = match self {
            Self::En => (
                format!("`{name}` cannot be reached"),
                format!(
                    "For {lasts} no message has got through. What it would be told comes here until it answers again."
                ),
            ),
            Self::Ja => (
                format!("`{name}` につながりません"),
                format!("{lasts}の間、通知を届けられていません。つながるまでの通知は代わりにこちらに届きます。"),
            ),
        };
        Note::new(Level::Error, title, text, now)
    }

    /// That it answers again.
    pub(crate) fn receiver_is_back(self, name: &str, now: Timestamp) -> Note {
        let (title, text) = match self {
            Self::En => (format!("`{name}` is reached again"), "New alerts go there once more."),
            Self::Ja => (format!("`{name}` につながるようになりました"), "新しいアラートは再びそちらに届きます。"),
        };
        Note::new(Level::Info, title, text, now)
    }

    /// That the outbox was damaged, and where it is now.
    pub(crate) fn outbox_was_damaged(self, aside: &str, now: Timestamp) -> Note {
        let (title, text) = match self {
            Self::En => (
                "The alert bridge lost its memory",
                format!(
                    "Its outbox was damaged and is now {aside}. Alerts that had not been told may be missing: look into Alertmanager."
                ),
            ),
            Self::Ja => (
                "アラートブリッジの保存データが壊れていました",
                format!(
                    "壊れたデータは {aside} に移しました。未通知のアラートが失われた可能性があります。Alertmanager を確認してください。"
                ),
            ),
        };
        Note::new(Level::Error, title, text, now)
    }
}
