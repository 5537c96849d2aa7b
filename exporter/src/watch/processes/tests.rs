use super::*;
use crate::collect::tests::series;
use crate::watch::config::tests::watch;
use std::fs;
use std::path::Path;

/// A tree with the files that are read of the machine.
fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("sys/kernel/random")).unwrap();
    fs::write(tree.path().join("sys/kernel/random/boot_id"), "19416d67\n").unwrap();
    fs::write(tree.path().join("stat"), "cpu  1 2 3 4 5 6 7 8 0 0\nbtime 1000\n").unwrap();
    tree
}

/// A process with `ticks` of user time, half of that of system time, which began 5 s after the boot.
fn process(tree: &Path, pid: u32, comm: &[u8], command: &[u8], state: char, ticks: u64) {
    let directory = tree.join(pid.to_string());
    fs::create_dir_all(directory.join("fd")).unwrap();
    let mut stat = format!("{pid} (").into_bytes();
    stat.extend_from_slice(comm);
    let system = ticks / 2;
    let columns =
        format!(") {state} 1 1 1 0 -1 0 0 0 0 0 {ticks} {system} 0 0 20 0 3 0 500 8192 2 184467440737095516\n");
    stat.extend_from_slice(columns.as_bytes());
    for (file, content) in [
        ("comm", [comm, b"\n"].concat().as_slice()),
        ("stat", stat.as_slice()),
        ("cmdline", command),
        ("status", b"Name:\tx\nVmSwap:\t     4 kB\n"),
        ("io", b"rchar: 9\nread_bytes: 100\nwrite_bytes: 200\ncancelled_write_bytes: 7\n"),
        ("limits", b"Limit  Soft Limit  Hard Limit  Units\nMax open files            8       16       files\n"),
        ("fd/0", b""),
        ("fd/1", b""),
    ] {
        fs::write(directory.join(file), content).unwrap();
    }
}

fn look(tree: &Path, watches: &str, totals: &mut Totals) -> String {
    let config = watch(&format!("    processes: {watches}\n")).unwrap();
    let watches = config.processes.into_vec();
    let host = Host { procfs: tree.to_owned(), ..Host::default() };
    Look::take(&host, &watches).unwrap().write(&watches, Some("b"), totals).unwrap().to_string()
}

fn counts(tree: &Path, watches: &str) -> Vec<String> {
    let page = look(tree, watches, &mut Totals::default());
    let lines = series(&page, "namedprocess_namegroup_num_procs");
    lines.iter().map(|line| line.split_once("groupname=").unwrap().1.to_owned()).collect()
}

#[test]
fn a_group_is_told_under_the_names_of_process_exporter() {
    let tree = tree();
    process(tree.path(), 7, b"node", b"node\0index.js\0", 'S', 100);
    process(tree.path(), 8, b"node", b"node\0index.js\0", 'D', 10);
    insta::assert_snapshot!(look(tree.path(), "[{name: my bot, pattern: 'index\\.js$'}]", &mut Totals::default()));
}

#[test]
fn a_watch_that_matches_nothing_is_told_as_zero() {
    let tree = tree();
    let page = look(tree.path(), "[{name: gone, comm: gone, bot: other}]", &mut Totals::default());
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.ends_with(" 0") && line.contains(r#"bot="other",groupname="gone""#), "{line}");
    }
    assert_eq!(series(&page, "namedprocess_namegroup_num_procs").len(), 1);
    assert_eq!(series(&page, "namedprocess_namegroup_states").len(), 5);
    assert!(!page.contains("oldest_start"), "nothing has no start");
}

#[test]
fn names_may_hold_anything() {
    let tree = tree();
    process(tree.path(), 1, b"a) S (b", b"a) S (b\0", 'S', 0);
    process(tree.path(), 2, b"li\nne\\", b"line\nbreak \"quoted\"\0--x\0", 'S', 0);
    process(tree.path(), 3, b"\xff\xfe", b"\xff\xfe/bin/odd\0", 'R', 0);
    process(tree.path(), 4, b"fifteen bytes l", b"/opt/fifteen bytes long\0", 'S', 0);
    assert_eq!(
        counts(
            tree.path(),
            r#"[{name: 1, comm: 'a) S (b'}, {name: 2, comm: "li\nne\\"}, {name: 3, pattern: '"quoted" --x'},
                {name: 4, exe: odd}, {name: 5, comm: fifteen bytes long}, {name: 6, exe: fifteen bytes long},
                {name: 7, exe: /opt/fifteen bytes long}, {name: 8, exe: /bin/fifteen bytes long},
                {name: "q\"\n\\ü", exe: odd}]"#
        ),
        [
            r#""1"} 1"#,
            r#""2"} 1"#,
            r#""3"} 1"#,
            r#""4"} 1"#,
            r#""5"} 1"#,
            r#""6"} 1"#,
            r#""7"} 1"#,
            r#""8"} 0"#,
            r#""q\"\n\\ü"} 1"#
        ]
    );
}

#[test]
fn all_conditions_of_a_watch_must_hold_and_two_watches_take_nothing_from_each_other() {
    let tree = tree();
    process(tree.path(), 1, b"node", b"/usr/bin/node\0bot.js\0", 'S', 0);
    process(tree.path(), 2, b"node", b"/usr/bin/node\0web.js\0", 'S', 0);
    assert_eq!(
        counts(
            tree.path(),
            "[{name: all, comm: node}, {name: bot, comm: node, exe: node, pattern: 'bot\\.js'}, \
              {name: other, comm: python, pattern: 'bot\\.js'}]"
        ),
        [r#""all"} 2"#, r#""bot"} 1"#, r#""other"} 0"#]
    );
}

#[test]
fn what_has_no_command_line_matches_no_pattern() {
    let tree = tree();
    process(tree.path(), 2, b"kthreadd", b"", 'S', 0);
    process(tree.path(), 3, b"node", b"", 'Z', 0);
    assert_eq!(counts(tree.path(), "[{name: a, pattern: '.*'}]"), [r#""a"} 0"#]);
    let page = look(tree.path(), "[{name: a, comm: node}]", &mut Totals::default());
    assert!(page.contains(r#"states{bot="b",groupname="a",state="Zombie"} 1"#), "{page}");
}

#[test]
fn a_process_that_vanishes_while_it_is_looked_at_was_not_there() {
    // Whichever file is the first that is gone, the process is. (A kernel without accounting has no `io`.)
    for gone in ["comm", "cmdline", "stat", "status"] {
        let tree = tree();
        process(tree.path(), 7, b"node", b"node\0", 'S', 0);
        process(tree.path(), 8, b"node", b"node\0", 'S', 0);
        fs::remove_file(tree.path().join("7").join(gone)).unwrap();
        fs::create_dir(tree.path().join("9")).unwrap();
        assert_eq!(counts(tree.path(), "[{name: a, comm: node, pattern: node}]"), [r#""a"} 1"#], "{gone}");
    }
}

#[test]
fn half_a_stat_line_is_no_process() {
    let tree = tree();
    process(tree.path(), 7, b"node", b"node\0", 'S', 0);
    for line in ["", "7 (node", "7 (node) S 1 1", "7 node S 1 1 1"] {
        fs::write(tree.path().join("7/stat"), line).unwrap();
        assert_eq!(
            counts(tree.path(), "[{name: a, pattern: node}, {name: b, comm: node}]"),
            [r#""a"} 0"#, r#""b"} 0"#]
        );
    }
}

#[test]
fn a_counter_stands_when_a_process_leaves() {
    let tree = tree();
    let mut totals = Totals::default();
    process(tree.path(), 7, b"node", b"node\0", 'S', 1000);
    process(tree.path(), 8, b"node", b"node\0", 'S', 50);
    let user = |totals: &mut Totals| {
        let page = look(tree.path(), "[{name: a, comm: node}]", totals);
        series(&page, "namedprocess_namegroup_cpu_seconds_total")[1].rsplit_once(' ').unwrap().1.to_owned()
    };
    assert_eq!(user(&mut totals), "10.5");
    fs::remove_dir_all(tree.path().join("7")).unwrap();
    assert_eq!(user(&mut totals), "10.5");
    process(tree.path(), 8, b"node", b"node\0", 'S', 150);
    assert_eq!(user(&mut totals), "11.5");
}

#[test]
fn a_tree_without_processes_is_said_to_be_unreadable() {
    let config = watch("    processes: [{name: a, comm: a}]\n").unwrap();
    let nowhere = Host { procfs: "/nowhere".into(), ..Host::default() };
    assert!(Look::take(&nowhere, &config.processes.into_vec()).is_err());
}
