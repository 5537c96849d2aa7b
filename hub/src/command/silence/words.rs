//! What is answered, in every language that we speak.

use std::collections::BTreeSet;

use alertmanager::{Matcher, Silence, SilenceState};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::request::Request;
use crate::language::Language;

/// How much of an id tells silences apart.
const ID_LENGTH: usize = 8;

impl Language {
    /// That a silence begins, what it holds back now if that is known, and how to end it.
    pub fn begun(self, request: &Request, id: &str, firing: Option<&BTreeSet<String>>, zone: &TimeZone) -> String {
        let silence = &request.silence;
        let what = request.host.clone().unwrap_or_else(|| matchers(&silence.matchers));
        let lasts = silence.ends_at.duration_since(silence.starts_at);
        let (from, until) = (moment(silence.starts_at, zone), moment(silence.ends_at, zone));
        let begins_later = request.begins_later;
        let mut lines = vec![match (self, begins_later) {
            (Self::En, false) => format!("{what} is silent until {until} ({})", self.duration(lasts)),
            (Self::En, true) => format!("{what} will be silent from {from} until {until} ({})", self.duration(lasts)),
            (Self::Ja, false) => format!("{what} の通知を {until} まで停止しました({})", self.duration(lasts)),
            (Self::Ja, true) => format!("{what} の通知を {from} から {until} まで停止します({})", self.duration(lasts)),
        }];
        if let Some(names) = firing.filter(|_| !begins_later) {
            let list = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            lines.push(match (self, names.len()) {
                (Self::En, 0) => "no such alert fires at the moment".to_owned(),
                (Self::En, _) => format!("held back now: {list}"),
                (Self::Ja, 0) => "現在、該当するアラートは発生していません".to_owned(),
                (Self::Ja, _) => format!("現在止めているアラート: {list}"),
            });
        }
        lines.push(match self {
            Self::En => format!("end it early with: noroshi silence end {id}"),
            Self::Ja => format!("早く解除するには: noroshi silence end {id}"),
        });
        lines.join("\n")
    }

    /// That a silence is over.
    pub fn ended(self, silence: &Silence) -> String {
        let what = matchers(&silence.matchers);
        match self {
            Self::En => format!("ended: {what} ({})", silence.id),
            Self::Ja => format!("解除しました: {what}({})", silence.id),
        }
    }

    /// That nothing is meant by `target`.
    pub fn nothing_to_end(self, target: &str) -> String {
        match self {
            Self::En => format!("no silence is or concerns `{target}`; `noroshi silence list` shows which there are"),
            Self::Ja => {
                format!("`{target}` に該当するサイレンスはありません。一覧は `noroshi silence list` で確認できます")
            }
        }
    }

    /// All of `silences`, one in a line.
    pub fn table(self, silences: &[Silence], zone: &TimeZone) -> String {
        if silences.is_empty() {
            return match self {
                Self::En => "nothing is silenced".to_owned(),
                Self::Ja => "停止中の通知はありません".to_owned(),
            };
        }
        let head = match self {
            Self::En => ["ID", "STATE", "FROM", "UNTIL", "WHAT", "BY", "COMMENT"],
            Self::Ja => ["ID", "状態", "開始", "終了", "対象", "設定者", "コメント"],
        };
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(silences.iter().map(|silence| {
            [
                silence.id.chars().take(ID_LENGTH).collect(),
                self.state(silence.state()).to_owned(),
                moment(silence.starts_at, zone),
                moment(silence.ends_at, zone),
                matchers(&silence.matchers),
                line(&silence.created_by),
                line(&silence.comment),
            ]
        }));
        let widths: Vec<usize> = (0..head.len())
            .map(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or_default())
            .collect();
        let padded = |row: &[String; 7]| {
            let cells = row.iter().zip(&widths).map(|(cell, wide)| format!("{cell}{}", " ".repeat(wide - width(cell))));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        rows.iter().map(padded).collect::<Vec<_>>().join("\n")
    }

    fn state(self, state: SilenceState) -> &'static str {
        match (self, state) {
            (Self::En, SilenceState::Active) => "active",
            (Self::En, SilenceState::Pending) => "later",
            (Self::En, SilenceState::Expired) => "over",
            (Self::Ja, SilenceState::Active) => "停止中",
            (Self::Ja, SilenceState::Pending) => "開始前",
            (Self::Ja, SilenceState::Expired) => "終了",
        }
    }

    fn duration(self, duration: SignedDuration) -> String {
        let minutes = (duration.as_secs() + 30) / 60;
        let [day, hour, minute] = match self {
            Self::En => ["d", "h", "min"],
            Self::Ja => ["日", "時間", "分"],
        };
        let units = [(minutes / 1440, day), (minutes / 60 % 24, hour), (minutes % 60, minute)];
        let parts = units.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}"));
        let parts = parts.collect::<Vec<_>>().join(" ");
        if parts.is_empty() { format!("{} s", duration.as_secs()) } else { parts }
    }
}

fn matchers(matchers: &[Matcher]) -> String {
    matchers.iter().map(|matcher| line(&matcher.to_string())).collect::<Vec<_>>().join(" ")
}

fn moment(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// In one line, and without what a terminal would obey: others may have written it.
fn line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|char| !char.is_control()).collect()
}

/// How many columns of a terminal `text` takes; what East Asia writes takes two each.
fn width(text: &str) -> usize {
    let is_wide = |char| {
        matches!(char, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|char| if is_wide(char) { 2 } else { 1 }).sum()
}
