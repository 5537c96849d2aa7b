use super::*;
use crate::collect::tests::{recorded, series};
use tokio::net::TcpListener;
use tokio::time::Instant;

fn watches(text: &str, environment: &Environment, state: Option<&Path>) -> Watches {
    let config = config::tests::watch(text).unwrap();
    Watches::build(&config, Host::default(), environment, state)
}

async fn look(watches: &Watches) -> (String, Vec<String>) {
    let (mut page, mut warnings) = (Families::new(), Vec::new());
    watches.look(&mut page, &mut |warning| warnings.push(warning)).await;
    (page.to_string(), warnings)
}

#[tokio::test]
async fn where_nothing_is_watched_nothing_is_said() {
    let (page, warnings) = look(&watches("    {}\n", &Environment::default(), None)).await;
    assert_eq!((page.as_str(), warnings.len()), ("", 0));
}

const ONE_OF_EACH: &str = "    processes: [{name: none, comm: 'no such name'}, {name: b, comm: 'no such name', bot: own}]\n    \
     tcp: [{name: t, target: '127.0.0.1:1'}]\n    \
     http: [{name: h, url: 'http://127.0.0.1:1/', bot: own}]\n    \
     heartbeats: [{name: f, file: /nowhere, max_age: 1m}]\n    \
     bots: [{name: x, health: 'http://127.0.0.1:1/health'}]\n";

#[tokio::test]
async fn every_watch_has_its_series_when_nothing_answers() {
    let environment = Environment::from([("BOT_NAME", "music")]);
    let (page, warnings) = look(&watches(ONE_OF_EACH, &environment, None)).await;
    assert_eq!(warnings, Vec::<String>::new(), "what is not well is a figure, not a warning");
    for line in [
        r#"namedprocess_namegroup_num_procs{bot="music",groupname="none"} 0"#,
        r#"namedprocess_namegroup_num_procs{bot="own",groupname="b"} 0"#,
        r#"probe_success{bot="music",module="tcp",probe="t"} 0"#,
        r#"probe_success{bot="own",module="http",probe="h"} 0"#,
        r#"probe_http_status_code{bot="own",module="http",probe="h"} 0"#,
        r#"noroshi_exporter_heartbeat_ok{bot="music",heartbeat="f"} 0"#,
        r#"noroshi_exporter_bot_up{bot="music",name="x"} 0"#,
    ] {
        assert!(page.lines().any(|other| other == line), "{line} is not in\n{page}");
    }
    let all_looked_at = series(&page, "noroshi_exporter_watch_success");
    assert!(all_looked_at.len() == 4 && all_looked_at.iter().all(|line| line.ends_with(" 1")), "{all_looked_at:?}");
}

#[tokio::test]
async fn without_a_name_only_a_bot_has_one() {
    let (page, _) = look(&watches(ONE_OF_EACH, &Environment::default(), None)).await;
    assert!(page.contains("namedprocess_namegroup_num_procs{groupname=\"none\"} 0\n"), "{page}");
    assert!(page.contains("noroshi_exporter_bot_up{bot=\"x\",name=\"x\"} 0\n"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn what_hangs_delays_nothing_beyond_its_own_time() {
    // Takes connections, or rather the kernel does for it, and never says a word.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    let mut text = String::from("    bots:\n");
    for number in 0..20 {
        text.push_str(&format!("      - {{name: b{number}, health: '{url}', timeout: 3s}}\n"));
    }
    text.push_str(&format!("    http: [{{name: h, url: '{url}', timeout: 4s}}]\n"));
    let began = Instant::now();
    let (page, _) = look(&watches(&text, &Environment::default(), None)).await;
    assert_eq!(began.elapsed().as_secs(), 4, "as long as the longest, not as all of them");
    assert_eq!(series(&page, "noroshi_exporter_bot_up").len(), 20);
    assert!(page.contains(r#"probe_failure{module="http",probe="h",reason="timeout"} 1"#), "{page}");
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_said_and_costs_nothing_else() {
    let text = "    processes: [{name: a, comm: a}]\n    heartbeats: [{name: f, file: /, max_age: 1m}]\n";
    let mut watches = watches(text, &Environment::default(), None);
    watches.host = Host { procfs: "/nowhere".into(), ..recorded("small-vps") };
    let (page, warnings) = look(&watches).await;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("what is watched of processes is left out of this push: cannot read /nowhere"));
    assert_eq!(
        series(&page, "noroshi_exporter_watch_success"),
        [
            r#"noroshi_exporter_watch_success{watch="heartbeats"} 1"#,
            r#"noroshi_exporter_watch_success{watch="processes"} 0"#
        ]
    );
}

#[tokio::test]
async fn a_push_and_scrapes_at_the_same_moment_all_see_what_is_watched() {
    let text = "    processes: [{name: none, comm: 'no such name'}]\n    heartbeats: [{name: f, file: /nowhere, max_age: 1m}]\n";
    let watches = watches(text, &Environment::default(), None);
    let looks = all((0..4).map(|_| look(&watches)).collect()).await;
    for (page, warnings) in looks {
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(series(&page, "namedprocess_namegroup_num_procs").len(), 1, "{page}");
        assert_eq!(series(&page, "noroshi_exporter_heartbeat_ok").len(), 1, "{page}");
    }
}

#[tokio::test]
async fn a_heartbeat_that_cannot_be_looked_at_is_left_out_alone_and_its_kind_is_not_well() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let file = directory.path().join("file");
    let text = format!(
        "    heartbeats: [{{name: shut, file: {}/x, max_age: 1m}}, {{name: f, file: {}, max_age: 1h}}]\n",
        file.display(),
        file.display()
    );
    let (page, warnings) = look(&watches(&text, &Environment::default(), None)).await;
    assert_eq!(series(&page, "noroshi_exporter_heartbeat_ok"), [r#"noroshi_exporter_heartbeat_ok{heartbeat="f"} 1"#]);
    assert_eq!(
        series(&page, "noroshi_exporter_watch_success"),
        [r#"noroshi_exporter_watch_success{watch="heartbeats"} 0"#]
    );
    assert!(warnings.len() == 1 && warnings[0].starts_with("heartbeat shut is left out"), "{warnings:?}");
}

#[tokio::test]
async fn what_processes_did_is_kept_from_one_run_to_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("exporter.json");
    // This very process, which has a thread for each test.
    let exe = std::env::current_exe().unwrap();
    let text = format!("    processes: [{{name: us, exe: '{}'}}]\n", exe.file_name().unwrap().to_str().unwrap());
    let run = || watches(&text, &Environment::default(), Some(&state));
    let first = run();
    look(&first).await;
    first.remember(&mut |warning| panic!("{warning}"));

    // As if another one had been there and gone.
    let file = directory.path().join("exporter.watch.json");
    let mut left: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    left["groups"]["us"]["gone"]["user_ticks"] = 100_000_000.into();
    std::fs::write(&file, left.to_string()).unwrap();
    let (page, _) = look(&run()).await;
    assert!(page.contains("groupname=\"us\",mode=\"user\"} 1.0000") || page.contains("mode=\"user\"} 1e+06"), "{page}");

    // What is broken is no reason to stop, nor is a place that cannot be written.
    std::fs::write(&file, "{").unwrap();
    assert_eq!(look(&run()).await.1, Vec::<String>::new());
    let nowhere = watches(&text, &Environment::default(), Some(Path::new("/proc/nowhere/exporter.json")));
    assert_eq!(look(&nowhere).await.1, Vec::<String>::new());
    let mut warnings = Vec::new();
    nowhere.remember(&mut |warning| warnings.push(warning));
    assert!(
        warnings.len() == 1 && warnings[0].contains("cannot write /proc/nowhere/exporter.watch.json"),
        "{warnings:?}"
    );
}
