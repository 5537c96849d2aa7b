//! Every word that we say to people, in every language that we speak. A sentence missing in one does not compile.

mod notes;
mod report;

use clap::ValueEnum;
use jiff::SignedDuration;
use serde::Deserialize;

use crate::figures::Figures;
use crate::kind::{Level, LinkKind, Occasion, State};

/// The language of the words around what alerts say of themselves.
///
/// What an alert says comes from its annotations; `summary_ja` and `description_ja` go before `summary` and
/// `description` when the language is Japanese, `summary_en` and `description_en` when it is English.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// 日本語.
    Ja,
}

impl Language {
    /// Returns what follows the underscore in `summary_ja`.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
        }
    }

    /// What a message is about; nothing for a note, which says so itself.
    pub(crate) fn state(self, state: State) -> &'static str {
        match (self, state) {
            (Self::En, State::Firing) => "Firing",
            (Self::Ja, State::Firing) => "発生",
            (Self::En, State::Resolved) => "Resolved",
            (Self::Ja, State::Resolved) => "復旧",
            (Self::En, State::PartlyResolved) => "Partly resolved",
            (Self::Ja, State::PartlyResolved) => "一部復旧",
            (Self::En, State::Lost) => "No longer reported",
            (Self::Ja, State::Lost) => "通知途絶",
            (_, State::Note) => "",
        }
    }

    /// What a message is about, and how that relates to what was told before.
    pub(crate) fn told(self, occasion: Occasion, state: State) -> &'static str {
        match (self, occasion, state) {
            (Self::En, Occasion::Update, State::Firing) => "Also firing",
            (Self::Ja, Occasion::Update, State::Firing) => "追加発生",
            (Self::En, Occasion::Reminder, State::Firing) => "Still firing",
            (Self::Ja, Occasion::Reminder, State::Firing) => "発生継続中",
            _ => self.state(state),
        }
    }

    /// The level as a word of its own.
    pub(crate) fn level(self, level: Level) -> &'static str {
        match (self, level) {
            (Self::En, Level::Info) => "Info",
            (Self::Ja, Level::Info) => "情報",
            (Self::En, Level::Warning) => "Warning",
            (Self::Ja, Level::Warning) => "警告",
            (Self::En, Level::Error) => "Error",
            (Self::Ja, Level::Error) => "エラー",
            (Self::En, Level::Critical) => "Critical",
            (Self::Ja, Level::Critical) => "重大",
        }
    }

    /// What to call an alert that has no name.
    pub(crate) fn nameless(self) -> &'static str {
        match self {
            Self::En => "Alert",
            Self::Ja => "アラート",
        }
    }

    /// What goes between two items of a list.
    pub(crate) fn comma(self) -> &'static str {
        match self {
            Self::En => ", ",
            Self::Ja => "、",
        }
    }

    /// The end of a list that goes on.
    pub(crate) fn more(self, count: usize) -> String {
        match self {
            Self::En => format!("+{count} more"),
            Self::Ja => format!("他 {count} 件"),
        }
    }

    /// How many alerts are in which state.
    pub(crate) fn counts(self, firing: usize, resolved: usize) -> String {
        match (self, firing, resolved) {
            (Self::En, firing, 0) => format!("{firing} firing"),
            (Self::En, 0, resolved) => format!("{resolved} resolved"),
            (Self::En, firing, resolved) => format!("{firing} firing, {resolved} resolved"),
            (Self::Ja, firing, 0) => format!("発生中 {firing} 件"),
            (Self::Ja, 0, resolved) => format!("復旧 {resolved} 件"),
            (Self::Ja, firing, resolved) => format!("発生中 {firing} 件、復旧 {resolved} 件"),
        }
    }

    /// Since when; `when` is what the receiver shows for a moment ("5 minutes ago").
    pub(crate) fn started(self, when: &str) -> String {
        match self {
            Self::En => format!("started {when}"),
            Self::Ja => format!("{when}に発生"),
        }
    }

    /// That it is over, since when, and how long it took, as far as either is known.
    pub(crate) fn recovered(self, when: Option<&str>, lasted: Option<SignedDuration>) -> String {
        match (self, when, lasted.map(|lasted| self.duration(lasted))) {
            (Self::En, Some(when), Some(lasted)) => format!("Recovered {when} after {lasted}"),
            (Self::En, Some(when), None) => format!("Recovered {when}"),
            (Self::En, None, _) => "Recovered".to_owned(),
            (Self::Ja, Some(when), Some(lasted)) => format!("{when}に復旧しました(継続時間 {lasted})"),
            (Self::Ja, Some(when), None) => format!("{when}に復旧しました"),
            (Self::Ja, None, _) => "復旧しました".to_owned(),
        }
    }

    /// That nobody tells of it any more.
    pub(crate) fn lost(self) -> &'static str {
        match self {
            Self::En => "No longer reported (silenced, or ended without a word)",
            Self::Ja => "通知が途絶えました(サイレンス中、または通知なしで終了)",
        }
    }

    /// That what follows had to wait.
    pub(crate) fn late(self, waited: SignedDuration) -> String {
        let waited = self.duration(waited);
        match self {
            Self::En => format!("⏳ Told late, oldest first: these could not be told for up to {waited}."),
            Self::Ja => {
                format!("⏳ 通知の遅れ: 最長 {waited}のあいだ通知できなかったものを、古い順にまとめて通知します。")
            }
        }
    }

    /// How often it fired again.
    pub(crate) fn flaps(self, count: u32) -> String {
        match self {
            Self::En => format!("flapped {count}×"),
            Self::Ja => format!("再発 {count} 回"),
        }
    }

    /// What was wrong, for a receiver that cannot strike it through.
    pub(crate) fn was(self, headline: &str) -> String {
        match self {
            Self::En => format!("was: {headline}"),
            Self::Ja => format!("発生時の内容: {headline}"),
        }
    }

    /// Stands before the names of the alerts that did not fit.
    pub(crate) fn rest(self, count: usize) -> String {
        match self {
            Self::En => format!("… and {count} more: "),
            Self::Ja => format!("… 他 {count} 件: "),
        }
    }

    /// What Alertmanager kept from us.
    pub(crate) fn unseen(self, count: u64) -> String {
        match self {
            Self::En => format!("{count} more not shown: Alertmanager left them out (max_alerts)."),
            Self::Ja => format!("ほか {count} 件は表示していません(Alertmanager の max_alerts による省略)。"),
        }
    }

    /// That the alert that always fires does not arrive: no more, or never yet.
    pub(crate) fn silent(self, has_arrived: bool) -> &'static str {
        match (self, has_arrived) {
            (Self::En, true) => "No sign of life from Prometheus and Alertmanager any more",
            (Self::En, false) => "No sign of life from Prometheus and Alertmanager yet",
            (Self::Ja, true) => "Prometheus・Alertmanager からの生存信号が途絶えました",
            (Self::Ja, false) => "Prometheus・Alertmanager からの生存信号がまだ届いていません",
        }
    }

    /// What to make of that.
    pub(crate) fn silent_means(self) -> &'static str {
        match self {
            Self::En => {
                "The Watchdog alert, which always fires, does not arrive. One of the two has stopped, or the way to this bridge is \
                 cut: until it is back, no other alert arrives either."
            }
            Self::Ja => {
                "常に発生しているはずの Watchdog アラートが届いていません。どちらかが停止したか、このブリッジまでの経路が切れています。\
                 復旧するまで、ほかのアラートも届きません。"
            }
        }
    }

    /// What was measured, and what it may be at most (or at least).
    pub(crate) fn figures(self, figures: &Figures) -> String {
        match (self, figures.value.as_deref(), figures.threshold.as_deref()) {
            (Self::En, Some(value), Some(threshold)) => format!("{value} (limit {threshold})"),
            (Self::Ja, Some(value), Some(threshold)) => format!("{value}(しきい値 {threshold})"),
            (_, Some(value), None) => value.to_owned(),
            (Self::En, None, Some(threshold)) => format!("limit {threshold}"),
            (Self::Ja, None, Some(threshold)) => format!("しきい値 {threshold}"),
            (_, None, None) => String::new(),
        }
    }

    /// What a reader finds behind a link.
    pub(crate) fn link(self, kind: LinkKind) -> &'static str {
        match (self, kind) {
            (Self::En, LinkKind::Runbook) => "Runbook",
            (Self::Ja, LinkKind::Runbook) => "対処手順",
            (Self::En, LinkKind::Dashboard) => "Dashboard",
            (Self::Ja, LinkKind::Dashboard) => "ダッシュボード",
            (Self::En, LinkKind::Graph) => "Graph",
            (Self::Ja, LinkKind::Graph) => "グラフ",
            (Self::En, LinkKind::Silence) => "Silence",
            (Self::Ja, LinkKind::Silence) => "サイレンス",
        }
    }

    /// A duration by its two largest units: what is left does not matter to a reader.
    pub(crate) fn duration(self, duration: SignedDuration) -> String {
        let seconds = duration.as_secs().max(0);
        let [day, hour, minute, second] = match self {
            Self::En => ["d", "h", "min", "s"],
            Self::Ja => ["日", "時間", "分", "秒"],
        };
        let units = [
            (seconds / 86_400, day),
            (seconds / 3_600 % 24, hour),
            (seconds / 60 % 60, minute),
            (seconds % 60, second),
        ];
        let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(units.len() - 1);
        let parts = units[first..].iter().take(2).enumerate();
        let parts = parts.filter(|(place, (count, _))| *place == 0 || *count > 0);
        parts.map(|(_, (count, unit))| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_by_its_two_largest_units() {
        for (seconds, english, japanese) in [
            (-5, "0 s", "0 秒"),
            (0, "0 s", "0 秒"),
            (59, "59 s", "59 秒"),
            (123, "2 min 3 s", "2 分 3 秒"),
            (3_600, "1 h", "1 時間"),
            (3_605, "1 h", "1 時間"),
            (93_784, "1 d 2 h", "1 日 2 時間"),
        ] {
            let duration = SignedDuration::from_secs(seconds);
            assert_eq!(Language::En.duration(duration), english);
            assert_eq!(Language::Ja.duration(duration), japanese);
        }
    }
}
