//! `*.prom` files. What node_exporter 1.5 makes of the same ones was looked up by hand.

use super::*;
use std::fs;
use std::path::Path;

/// Joins a directory with these files, and returns page and warnings with the directory called `DIR`.
async fn read(files: &[(&str, &str)]) -> (String, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    read_from(directory.path()).await
}

async fn read_from(directory: &Path) -> (String, Vec<String>) {
    let place = directory.to_str().unwrap();
    let (page, warnings) = joined(&format!("{{textfile: {place}}}"), nobody()).await;
    (page.replace(place, "DIR"), warnings.into_iter().map(|warning| warning.replace(place, "DIR")).collect())
}

fn error(page: &str) -> String {
    series(page, "node_textfile_scrape_error").concat()
}

#[tokio::test]
async fn files_travel_along_and_tell_their_age() {
    let directory = tempfile::tempdir().unwrap();
    let file = fs::File::create(directory.path().join("a.prom")).unwrap();
    fs::write(directory.path().join("a.prom"), "# HELP players Online.\n# TYPE players gauge\nplayers 3\n").unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_millis(1_700_000_000_900)).unwrap();
    fs::write(directory.path().join("a.txt"), "ignored 1\n").unwrap();

    let (page, warnings) = read_from(directory.path()).await;

    assert_eq!(warnings, Vec::<String>::new());
    assert!(page.contains("# HELP players Online.\n# TYPE players gauge\nplayers 3\n"), "{page}");
    assert!(!page.contains("ignored"));
    assert_eq!(
        series(&page, "node_textfile_mtime_seconds"),
        [r#"node_textfile_mtime_seconds{file="DIR/a.prom"} 1.7e+09"#]
    );
    assert_eq!(error(&page), "node_textfile_scrape_error 0");
    assert_eq!(series(&page, "noroshi_exporter_join_series"), [r#"noroshi_exporter_join_series{source="textfile"} 1"#]);
}

#[tokio::test]
async fn a_file_that_is_not_well_formed_is_left_out_whole() {
    let (page, warnings) = read(&[
        ("broken.prom", "first 1\nsecond{ 1\n"),
        ("cut.prom", "third 1"),
        ("good.prom", "good 1\n"),
        ("stamped.prom", "fourth 1 5\n"),
    ])
    .await;
    assert_eq!(
        warnings,
        [
            "DIR/broken.prom is left out of this push: line 2: invalid label name for metric \"second\"",
            "DIR/cut.prom is left out of this push: line 1: unexpected end of input stream",
            "DIR/stamped.prom is left out of this push: line 1: pushed metrics must not have timestamps",
        ]
    );
    assert_eq!(error(&page), "node_textfile_scrape_error 1");
    assert_eq!(series(&page, "good"), ["good 1"]);
    assert_eq!(series(&page, "node_textfile_mtime_seconds").len(), 1);
    assert!(!page.contains("first") && !page.contains("third") && !page.contains("fourth"), "{page}");
}

#[tokio::test]
async fn the_first_help_and_type_of_a_family_count() {
    let (page, warnings) = read(&[
        ("a.prom", "# HELP players Online.\n# TYPE players gauge\nplayers{game=\"a\"} 1\n"),
        ("b.prom", "# HELP players Other.\n# TYPE players gauge\nplayers{game=\"b\"} 2\n"),
        ("c.prom", "# HELP players Online.\n# TYPE players counter\nplayers{game=\"c\"} 3\n"),
        ("d.prom", "# TYPE players gauge\nplayers{game=\"d\"} 4\n"),
        ("e.prom", "# HELP players Online.\n# TYPE players gauge\nplayers{game=\"e\"} 5\n"),
    ])
    .await;
    assert_eq!(series(&page, "players"), [r#"players{game="a"} 1"#, r#"players{game="e"} 5"#]);
    assert_eq!(
        warnings,
        [
            "`players` of DIR/b.prom is left out of this push: it is on the page already, with the help `Online.`",
            "`players` of DIR/c.prom is left out of this push: it is on the page already, with the type gauge",
            "`players` of DIR/d.prom is left out of this push: it is on the page already, with the help `Online.`",
        ]
    );
    // As in node_exporter, where this is about reading alone.
    assert_eq!(error(&page), "node_textfile_scrape_error 0");
    assert_eq!(
        series(&page, "noroshi_exporter_join_left_out_series"),
        [r#"noroshi_exporter_join_left_out_series{source="textfile"} 3"#]
    );
}

#[tokio::test]
async fn files_without_help_agree_with_each_other() {
    let (page, warnings) = read(&[("a.prom", "m{x=\"1\"} 1\n"), ("b.prom", "m{x=\"2\"} 2\n")]).await;
    assert_eq!(warnings, Vec::<String>::new());
    assert!(page.contains("# HELP m Metric read from DIR/a.prom, DIR/b.prom\n"), "{page}");
    assert_eq!(series(&page, "m").len(), 2);
}

#[tokio::test]
async fn a_series_that_is_there_already_is_left_out() {
    let (page, warnings) = read(&[("a.prom", "m 1\n"), ("b.prom", "m 2\n")]).await;
    assert_eq!(series(&page, "m"), ["m 1"]);
    assert_eq!(warnings, ["`m` of DIR/b.prom is left out of this push: the series m has a value already"]);
}

#[tokio::test]
async fn a_file_may_add_to_a_family_of_the_hosts_that_it_describes_alike() {
    let same = "# HELP node_load1 1m load average.\n# TYPE node_load1 gauge\nnode_load1{x=\"1\"} 3\n";
    let (page, warnings) =
        read(&[("a.prom", same), ("b.prom", "# TYPE node_load1 gauge\nnode_load1{x=\"2\"} 3\n")]).await;
    assert_eq!(series(&page, "node_load1"), ["node_load1 0.5", r#"node_load1{x="1"} 3"#]);
    assert_eq!(warnings.len(), 1);
}

#[tokio::test]
async fn what_is_ours_or_a_gateways_is_for_no_file() {
    let (page, warnings) =
        read(&[("a.prom", "push_time_seconds 1\nnode_textfile_scrape_error 0\nprocess_open_fds 1\ngood 1\n")]).await;
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert_eq!(series(&page, "good"), ["good 1"]);
    assert_eq!(series(&page, "push_time_seconds"), Vec::<String>::new());
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_an_error_and_no_more() {
    let (page, warnings) = read_from(Path::new("/nowhere")).await;
    assert!(warnings[0].starts_with("cannot read the directory DIR: "), "{warnings:?}");
    assert_eq!(error(&page), "node_textfile_scrape_error 1");
    assert_eq!(series(&page, "node_load1").len(), 1);
}

#[tokio::test]
async fn what_is_no_file_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("a.prom")).unwrap();
    let (page, warnings) = read_from(directory.path()).await;
    assert_eq!(warnings, ["DIR/a.prom is left out of this push: it is no regular file"]);
    assert_eq!(error(&page), "node_textfile_scrape_error 1");
}

#[tokio::test]
async fn a_file_without_end_is_left_out() {
    let (page, warnings) = read(&[("a.prom", &"a".repeat((4 << 20) + 1))]).await;
    assert_eq!(warnings, ["DIR/a.prom is left out of this push: line 1: the page is longer than 4194304 bytes"]);
    assert_eq!(error(&page), "node_textfile_scrape_error 1");
}

/// One more than may be, in files of which each is within its own limit.
#[tokio::test]
async fn all_files_together_have_a_limit_on_series() {
    let text = |file: usize, count: usize| {
        let line = |number: usize| format!("m{file}{{n=\"{number}\"}} 1\n");
        (0..count).map(line).collect::<String>()
    };
    let (full, one) = (text(1, 10_000), text(3, 1));
    let (page, warnings) =
        read(&[("a.prom", &full), ("b.prom", &text(2, 9_999)), ("c.prom", &text(4, 2)), ("d.prom", &one)]).await;
    assert_eq!(
        warnings,
        [
            "DIR/c.prom is left out of this push: the files before it leave it no room: all of them may hold 20000 series"
        ]
    );
    assert_eq!((series(&page, "m3").len(), series(&page, "m4").len()), (1, 0));
    assert_eq!(error(&page), "node_textfile_scrape_error 1");
    assert_eq!(
        series(&page, "noroshi_exporter_join_success"),
        [r#"noroshi_exporter_join_success{source="textfile"} 0"#]
    );
}

#[tokio::test]
async fn all_files_together_have_a_limit_on_bytes() {
    let comment = format!("# {}\n", "x".repeat(3 << 20));
    let files: Vec<_> = ["a.prom", "b.prom", "c.prom"].into_iter().map(|name| (name, comment.as_str())).collect();
    let (_, warnings) = read(&files).await;
    assert_eq!(
        warnings,
        [
            "DIR/c.prom is left out of this push: the files before it leave it no room: all of them may hold 8388608 bytes"
        ]
    );
}

#[tokio::test]
async fn a_pipe_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("a.prom");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (page, warnings) = read_from(directory.path()).await;
    assert_eq!(warnings, ["DIR/a.prom is left out of this push: it is no regular file"]);
    assert_eq!(error(&page), "node_textfile_scrape_error 1");
}
