//! Messages of every kind that there is, for a template to fail on before a real alert does.

use jiff::Timestamp;

use crate::compose::compose;
use crate::kind::Level;
use crate::language::Language;
use crate::message::{Label, Message};
use crate::note::Note;
use crate::webhook::{self, Webhook};

const SAMPLES: [&str; 3] = [
    // All that an alert may have.
    r#"{"receiver":"people","groupKey":"{}:{instance=\"db-1\"}","externalURL":"http://alertmanager.example.org:9093","alerts":[
        {"status":"firing","labels":{"alertname":"HostHighCPU","instance":"db-1:9100","job":"host","severity":"critical"},
         "annotations":{"summary":"CPU of db-1 is busy","description":"db-1 used 93 % of its CPU.\nFor ten minutes now.",
         "value":"93 %","threshold":"80 %","runbook_url":"https://wiki.example.org/cpu"},
         "startsAt":"2026-11-25T07:14:23Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example.org:9090/graph?g0.expr=x"}]}"#,
    // Some that fire and one that is over, of several levels.
    r#"{"receiver":"people","groupKey":"{}:{}","externalURL":"http://alertmanager:9093","truncatedAlerts":3,"alerts":[
        {"status":"firing","labels":{"alertname":"DiskFull","instance":"web-1","severity":"warning"},"startsAt":"2026-11-25T07:14:23Z"},
        {"status":"firing","labels":{"alertname":"DiskFull","instance":"web-2"},"annotations":{},"startsAt":"2026-11-25T07:14:23Z"},
        {"status":"resolved","labels":{"alertname":"ディスク","instance":"東京"},"startsAt":"2026-11-25T07:14:23Z","endsAt":"2026-11-25T08:00:00Z"}]}"#,
    // Almost nothing.
    r#"{"receiver":"","alerts":[{"status":"resolved","labels":{},"startsAt":"2026-11-25T07:14:23Z"}]}"#,
];

/// Returns the samples, in both languages.
pub(super) fn messages() -> Vec<Message> {
    let webhooks: Vec<Webhook> = SAMPLES.iter().filter_map(|sample| webhook::parse(sample.as_bytes()).ok()).collect();
    debug_assert_eq!(webhooks.len(), SAMPLES.len(), "the samples are webhooks");
    let mut note = Note::new(Level::Info, "Backup", "The backup of db-1 is done.", Timestamp::UNIX_EPOCH);
    note.fields = vec![Label { name: "size".to_owned(), value: "3 GiB".to_owned() }];
    let bare = Note::new(Level::Error, "", "", Timestamp::UNIX_EPOCH);
    let mut messages = Vec::new();
    for language in [Language::En, Language::Ja] {
        messages.extend(webhooks.iter().filter_map(|webhook| compose(webhook, language)));
        messages.extend([note.message(language), bare.message(language)]);
    }
    messages
}
