//! The words of reports.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Language;
use crate::report::Gauge;

impl Language {
    /// What a report is called: by its period, and by how the hosts are.
    pub(crate) fn report_title(self, period: SignedDuration, hosts: usize, down: usize) -> String {
        let name = self.report_name(period);
        match (self, hosts, down) {
            (Self::En, 0, _) => format!("{name}: no hosts"),
            (Self::En, 1, 0) => format!("{name}: 1 host, up"),
            (Self::En, 1, _) => format!("{name}: 1 host, down"),
            (Self::En, hosts, 0) => format!("{name}: {hosts} hosts, all up"),
            (Self::En, hosts, down) => format!("{name}: {hosts} hosts, {down} down"),
            (Self::Ja, 0, _) => format!("{name}: ホストなし"),
            (Self::Ja, hosts, 0) => format!("{name}: {hosts} 台、すべて稼働中"),
            (Self::Ja, hosts, down) => format!("{name}: {hosts} 台中 {down} 台が停止中"),
        }
    }

    /// The same when nobody could be asked.
    pub(crate) fn report_without_figures(self, period: SignedDuration) -> String {
        let name = self.report_name(period);
        match self {
            Self::En => format!("{name}: no figures"),
            Self::Ja => format!("{name}: データを取得できません"),
        }
    }

    fn report_name(self, period: SignedDuration) -> String {
        match (self, period.as_hours()) {
            (Self::En, 24) => "Daily report".to_owned(),
            (Self::Ja, 24) => "日次レポート".to_owned(),
            (Self::En, 168) => "Weekly report".to_owned(),
            (Self::Ja, 168) => "週次レポート".to_owned(),
            (Self::En, _) => format!("Report of {}", self.duration(period)),
            (Self::Ja, _) => format!("過去 {}のレポート", self.duration(period)),
        }
    }

    /// `24 Nov 09:00 – 25 Nov 09:00 JST`
    pub(crate) fn report_period(self, [from, to]: [Timestamp; 2], zone: &TimeZone) -> String {
        let name = to.to_zoned(zone.clone()).strftime("%Z").to_string();
        format!("{} – {} {name}", self.moment(from, zone), self.moment(to, zone))
    }

    /// `25 Nov 09:00`
    pub(crate) fn moment(self, moment: Timestamp, zone: &TimeZone) -> String {
        let format = match self {
            Self::En => "%-d %b %H:%M",
            Self::Ja => "%-m月%-d日 %H:%M",
        };
        moment.to_zoned(zone.clone()).strftime(format).to_string()
    }

    /// That a report comes later than it should.
    pub(crate) fn report_is_late(self, due: Timestamp, zone: &TimeZone) -> String {
        let due = self.moment(due, zone);
        match self {
            Self::En => format!("This report was due at {due}; the bridge was not running then."),
            Self::Ja => {
                format!("このレポートは {due} に送信される予定でしたが、ブリッジが停止していたため遅れました。")
            }
        }
    }

    /// That Prometheus does not answer, and what that means.
    pub(crate) fn report_unanswered(self, reason: &str, period: SignedDuration) -> String {
        let period = self.duration(period);
        match self {
            Self::En => format!(
                "Prometheus could not be asked: {reason}.\nNothing is known of the last {period}. If Prometheus is down, no alert arrives \
                 either; if it is elsewhere, set bridge.prometheus_url."
            ),
            Self::Ja => format!(
                "Prometheus に問い合わせできませんでした: {reason}\n過去 {period}の状態は不明です。Prometheus が停止している場合はアラートも届きません。\
                 アドレスが異なる場合は bridge.prometheus_url を設定してください。"
            ),
        }
    }

    /// That nobody pushed, and what may be wrong.
    pub(crate) fn report_no_hosts(self) -> &'static str {
        match self {
            Self::En => "Prometheus answers, but knows no host: nobody has pushed in this time.",
            Self::Ja => "Prometheus は応答していますが、この期間に送信したホストがありません。",
        }
    }

    /// That nobody knows who is down.
    pub(crate) fn report_is_blind(self) -> &'static str {
        match self {
            Self::En => "⚠️ Prometheus cannot read the Pushgateway: what stands here is the last that was seen.",
            Self::Ja => "⚠️ Prometheus が Pushgateway を読み取れません。表示は最後に確認した状態です。",
        }
    }

    /// The heading of the alerts of the period, or that there were none.
    pub(crate) fn report_alerts(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::En, 0) => "No alerts.",
            (Self::En, _) => "Alerts:",
            (Self::Ja, 0) => "アラートはありませんでした。",
            (Self::Ja, _) => "アラート:",
        }
    }

    /// For how long an alert fired.
    pub(crate) fn report_fired(self, time: SignedDuration, is_firing: bool) -> String {
        let time = self.duration(time);
        match (self, is_firing) {
            (Self::En, true) => format!("{time}, still firing"),
            (Self::En, false) => time,
            (Self::Ja, true) => format!("{time}(継続中)"),
            (Self::Ja, false) => time,
        }
    }

    /// That further hosts are well, by name.
    pub(crate) fn report_others(self, count: usize) -> String {
        match self {
            Self::En => format!("🟢 {count} more are well: "),
            Self::Ja => format!("🟢 ほか {count} 台は正常: "),
        }
    }

    /// That further hosts need somebody, by name.
    pub(crate) fn report_others_in_need(self, count: usize) -> String {
        match self {
            Self::En => format!("🔴 {count} more are down or above a limit: "),
            Self::Ja => format!("🔴 ほか {count} 台が停止または上限超過: "),
        }
    }

    pub(crate) fn gauge(self, gauge: Gauge) -> &'static str {
        match (self, gauge) {
            (_, Gauge::Cpu) => "CPU",
            (Self::En, Gauge::Memory) => "Memory",
            (Self::Ja, Gauge::Memory) => "メモリ",
            (Self::En, Gauge::Disk) => "Disk",
            (Self::Ja, Gauge::Disk) => "ディスク",
        }
    }

    /// The highest of the period.
    pub(crate) fn peak(self, peak: &str) -> String {
        match self {
            Self::En => format!("max {peak}"),
            Self::Ja => format!("最大 {peak}"),
        }
    }

    /// How long a host has been running.
    pub(crate) fn uptime(self, uptime: SignedDuration) -> String {
        let uptime = self.duration(uptime);
        match self {
            Self::En => format!("up {uptime}"),
            Self::Ja => format!("稼働 {uptime}"),
        }
    }

    /// Since when a host is down.
    pub(crate) fn down_since(self, since: Timestamp, zone: &TimeZone) -> String {
        let since = self.moment(since, zone);
        match self {
            Self::En => format!("down since {since}"),
            Self::Ja => format!("{since} から停止"),
        }
    }

    /// What the picture shows, for those who cannot see it.
    pub(crate) fn report_picture(self, hosts: usize) -> String {
        match self {
            Self::En => format!("CPU, memory and disk of {hosts} hosts over the period, one row each"),
            Self::Ja => format!("{hosts} 台のホストの CPU・メモリ・ディスクの推移(1 台 1 行)"),
        }
    }
}
