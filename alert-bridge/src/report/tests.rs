use std::collections::BTreeMap;

use prometheus_client::registry::Registry;

use super::fleet::{Figure, Fleet, Host, SPANS, State};
use super::survey::{Fired, Survey};
use super::*;
use crate::incident::Following;
use crate::outbox::event::Waiting;
use crate::routing::Routing;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A host whose figures rise by a tenth over the day.
fn host(name: &str, state: State, [cpu, memory, disk]: [f32; 3]) -> Host {
    let figures = [cpu, memory, disk].map(|now| {
        let mut figure = Figure { now: (state == State::Up).then_some(now), ..Figure::default() };
        for (span, share) in figure.course.iter_mut().enumerate() {
            *share = Some((now + 0.1 * (1.0 - (span as f32 / SPANS as f32))).min(1.0));
        }
        figure
    });
    let uptime = (state == State::Up).then_some(SignedDuration::from_hours(12 * 24 + 3));
    Host { name: name.to_owned(), state, uptime, figures }
}

fn survey_of(hosts: Vec<Host>) -> Survey {
    let mut fleet = Fleet { from: at("2026-11-24T00:00:00Z"), to: at("2026-11-25T00:00:00Z"), hosts };
    fleet.sort();
    let fired = |name: &str, place: &str, minutes, is_firing| Fired {
        name: name.to_owned(),
        place: place.to_owned(),
        time: SignedDuration::from_mins(minutes),
        is_firing,
    };
    let alerts = vec![fired("HostDown", "db-1", 390, true), fired("HostHighCPU", "game_2", 40, false)];
    Survey { fleet, alerts, is_blind: false }
}

fn small() -> Survey {
    survey_of(vec![
        host("web-1", State::Up, [0.12, 0.43, 0.71]),
        host("game_2", State::Up, [0.91, 0.4, 0.3]),
        host("日本語ホスト", State::Up, [0.02, 0.3, 0.3]),
        host("db-1", State::Down(at("2026-11-24T17:30:00Z")), [0.2, 0.7, 0.5]),
    ])
}

fn manner(language: Language) -> Manner {
    let zone = Zone::try_from("Asia/Tokyo".to_owned()).unwrap().0;
    Manner { language, zone, period: SignedDuration::from_hours(24), late_since: None }
}

/// A report with its picture, for whoever shows it.
pub(crate) fn sample(language: Language) -> Note {
    let manner = manner(language);
    let mut note = manner.note(&small());
    let png = chart::png(&small().fleet, &manner.zone).unwrap();
    note.pictures.push(Picture::png(PICTURE, language.report_picture(4), &png));
    note
}

/// What a person reads.
fn read(note: &Note) -> String {
    let fields = note.fields.iter().map(|field| format!("[{}]\n{}", field.name, field.value));
    let parts = [format!("{} ({})", note.title, note.level), note.text.clone()];
    parts.into_iter().chain(fields).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn a_report_reads_well_in_both_languages() {
    insta::assert_snapshot!(read(&manner(Language::En).note(&small())));
    insta::assert_snapshot!(read(&manner(Language::Ja).note(&small())));
}

#[test]
fn of_a_large_fleet_those_that_need_somebody_have_fields_and_all_have_names() {
    let mut hosts: Vec<_> =
        (1..=97).map(|number| host(&format!("node-{number}"), State::Up, [0.1, 0.2, 0.3])).collect();
    hosts.extend(
        (1..=3).map(|number| host(&format!("dead-{number}"), State::Down(at("2026-11-24T17:30:00Z")), [0.1; 3])),
    );
    let note = manner(Language::En).note(&survey_of(hosts.clone()));
    assert_eq!(note.title, "Daily report: 100 hosts, 3 down");
    assert_eq!(note.fields.len(), 3);
    for host in &hosts {
        let is_named = read(&note).split([' ', ',', '\n', ']']).any(|word| word == host.name);
        assert!(is_named, "{}: {}", host.name, read(&note));
    }
    // Also when everything is down.
    let all_down: Vec<_> =
        hosts.iter().map(|host| Host { state: State::Down(at("2026-11-24T17:30:00Z")), ..host.clone() }).collect();
    let note = manner(Language::En).note(&survey_of(all_down));
    assert_eq!(note.fields.len(), 15);
    assert!(note.text.contains("🔴 85 more are down or above a limit: "), "{}", note.text);
}

#[test]
fn what_is_out_of_the_ordinary_is_said() {
    let mut survey = survey_of(Vec::new());
    (survey.alerts, survey.is_blind) = (Vec::new(), true);
    let mut manner = manner(Language::En);
    manner.late_since = Some(at("2026-11-24T23:00:00Z"));
    manner.period = SignedDuration::from_hours(6);
    insta::assert_snapshot!(read(&manner.note(&survey)));
    let nobody = Unanswered::Unreachable { address: "http://prom:9090".into(), reason: "connection refused".into() };
    insta::assert_snapshot!(read(&manner.unanswered(&nobody, at("2026-11-25T00:00:00Z"))));
    manner.language = Language::Ja;
    insta::assert_snapshot!(read(&manner.note(&survey)));
    insta::assert_snapshot!(read(&manner.unanswered(&nobody, at("2026-11-25T00:00:00Z"))));
}

#[test]
fn a_picture_has_a_row_for_each_host_and_is_small_enough_to_travel() {
    let zone = TimeZone::UTC;
    for (count, height) in
        [(0, 160), (1, 252), (8, 896), (9, 628), (20, 1200), (21, 468), (40, 720), (100, 1560), (300, 2960)]
    {
        let hosts = (0..count).map(|number| host(&format!("node-{number}"), State::Up, [0.3, 0.6, 0.9])).collect();
        let file = chart::png(&survey_of(hosts).fleet, &zone).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        assert_eq!(reader.info().size(), (1000, height), "{count} hosts");
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert!(file.len() < 1_000_000, "{count} hosts take {} bytes", file.len());
    }
}

#[test]
fn what_a_report_looks_like_can_be_seen_without_hosts() {
    let reporter = Reporter::new(&crate::Config::default()).unwrap();
    let now = at("2026-11-25T00:00:00Z");
    let note = reporter.demo(12, now);
    assert_eq!(note.title, "Daily report: 12 hosts, 2 down");
    assert_eq!(note.pictures, reporter.demo(12, now).pictures);
    assert!(reporter.demo(0, now).pictures.is_empty());
}

#[test]
fn what_a_picture_shows_can_be_seen_in_it() {
    /// How many pixels there are of each colour.
    fn colours(fleet: &Fleet) -> BTreeMap<[u8; 3], usize> {
        let file = chart::png(fleet, &TimeZone::UTC).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let mut colours = BTreeMap::new();
        for pixel in pixels.chunks_exact(3) {
            *colours.entry([pixel[0], pixel[1], pixel[2]]).or_default() += 1;
        }
        colours
    }
    let count = |colours: &BTreeMap<[u8; 3], usize>, colour: [u8; 3]| colours.get(&colour).copied().unwrap_or_default();
    let (hot, down, well) = ([0xff, 0xa6, 0x2b], [0xf0, 0x52, 0x4f], [0x3e, 0xcf, 0x8e]);

    let calm = colours(&survey_of(vec![host("a", State::Up, [0.1, 0.2, 0.3])]).fleet);
    assert!(count(&calm, well) > 50 && count(&calm, down) == 0);
    let busy = colours(&survey_of(vec![host("a", State::Up, [0.95, 0.2, 0.3])]).fleet);
    assert!(count(&busy, hot) > count(&calm, hot) + 100);
    let gone = colours(&survey_of(vec![host("a", State::Down(at("2026-11-24T17:30:00Z")), [0.1, 0.2, 0.3])]).fleet);
    assert!(count(&gone, down) > 50 && count(&gone, well) == 0);
}

// --- when ----------------------------------------------------------------------------------------------------------------

struct Desk {
    outbox: Outbox,
    registry: Registry,
    clock: Clock,
}

impl Desk {
    fn at(begin: &str) -> Self {
        Self {
            outbox: Outbox::in_memory().unwrap(),
            registry: Registry::default(),
            clock: Clock::of_runtime(at(begin)),
        }
    }

    /// Lets a bridge run for `time`, whose Prometheus does not answer, and which makes reports as `schedule` says.
    async fn runs(&mut self, schedule: &str, time: Duration) {
        let yaml = format!("report:\n  schedule: {schedule}\n  time_zone: UTC\nprometheus_url: http://127.0.0.1:1\n");
        let text = format!("bridge:\n{}", yaml.lines().map(|line| format!("  {line}\n")).collect::<String>());
        let config: crate::Config = ::config::section::parse("bridge", &text, "noroshi.yaml").unwrap();
        let metrics = Metrics::register(self.registry.sub_registry_with_prefix("noroshi_bridge"));
        let intake = Intake::new(
            self.outbox.clone(),
            Routing::to_all(["team"]),
            Following::default(),
            self.clock,
            metrics.clone(),
        );
        let reporter = Reporter::new(&config).unwrap();
        let reports = Reports::new(reporter, intake, self.outbox.clone(), self.clock, metrics).unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(reports.run(stop.clone()));
        tokio::time::sleep(time).await;
        stop.cancel();
        running.await.unwrap();
    }

    async fn made(&self) -> Vec<Note> {
        let events = self.outbox.waiting("team", 100, usize::MAX).await.unwrap();
        events.iter().map(|Waiting { body, .. }| serde_json::from_str(body).unwrap()).collect()
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_report_comes_each_day_and_says_so_when_nobody_answers() {
    let mut desk = Desk::at("2026-11-24T08:00:00Z");
    desk.runs("'0 9 * * *'", 49 * HOUR).await;
    let made = desk.made().await;
    assert_eq!(made.iter().map(|note| note.title.as_str()).collect::<Vec<_>>(), ["Daily report: no figures"; 2]);
    assert!(made[0].text.contains("nothing answers at http://127.0.0.1:1 ("), "{}", made[0].text);
    // Prometheus is asked for a minute before.
    assert_eq!(made[0].said, at("2026-11-24T09:01:00Z"));
    assert_eq!(made[1].said, at("2026-11-25T09:01:00Z"));
}

#[tokio::test(start_paused = true)]
async fn a_first_start_owes_nothing_and_a_later_one_makes_up_for_what_was_missed_once() {
    let mut desk = Desk::at("2026-11-24T09:30:00Z");
    desk.runs("'0 9 * * *'", HOUR).await;
    assert_eq!(desk.made().await.len(), 0);
    // Away from 10:30 to 11:30 of the next day.
    tokio::time::sleep(25 * HOUR).await;
    desk.runs("'0 9 * * *'", HOUR).await;
    assert_eq!(desk.made().await.len(), 1);
    desk.runs("'0 9 * * *'", HOUR).await;
    assert_eq!(desk.made().await.len(), 1);
    // Away for too long: at 23:30 yesterday's news is none.
    tokio::time::sleep(34 * HOUR).await;
    desk.runs("'0 9 * * *'", HOUR).await;
    assert_eq!(desk.made().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_schedule_owes_nothing_either() {
    let mut desk = Desk::at("2026-11-24T09:30:00Z");
    desk.runs("'0 9 * * *'", HOUR).await;
    desk.runs("'0 10 * * *'", HOUR).await;
    assert_eq!(desk.made().await.len(), 0);
}
