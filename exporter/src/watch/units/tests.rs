use super::*;
use crate::collect::tests::series;
use std::fs;
use std::os::unix::fs::symlink;

fn units(names: &[&str]) -> Vec<UnitName> {
    names.iter().map(|name| UnitName::try_from((*name).to_owned()).unwrap()).collect()
}

/// A systemctl of our own that runs `body` in a shell.
fn fake(body: &str, timeout: Duration) -> (tempfile::TempDir, Systemctl) {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("systemctl");
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/fake/systemctl"), &program).unwrap();
    fs::write(directory.path().join("body"), body).unwrap();
    (directory, Systemctl { program, timeout })
}

const THREE: &str = "\
cat <<'END'
Type=simple
NRestarts=4
ActiveState=active
ActiveEnterTimestamp=Sun 2026-11-22 19:00:57 UTC

Type=oneshot
NRestarts=0
ActiveState=failed
ActiveEnterTimestamp=

ActiveState=inactive
ActiveEnterTimestamp=Sun 2026-11-22 19:00:57 UTC
END";

#[tokio::test]
async fn units_are_told_as_node_exporter_tells_them() {
    let (_directory, systemctl) = fake(THREE, TIMEOUT);
    let page = systemctl.show(&units(&["my-bot.service", "backup.service", "backup.timer"])).await.unwrap();
    insta::assert_snapshot!(page.to_string());
}

#[tokio::test]
async fn the_arguments_are_ours_and_the_names_stand_behind_them() {
    let (directory, systemctl) =
        fake(r#"printf '%s\n' "$@" "$LC_ALL $TZ" >"$0.args"; echo ActiveState=active"#, TIMEOUT);
    systemctl.show(&units(&["a@b.service"])).await.unwrap();
    assert_eq!(
        fs::read_to_string(directory.path().join("systemctl.args")).unwrap(),
        "show\n--no-pager\n--property=ActiveState,Type,NRestarts,ActiveEnterTimestamp\n--\na@b.service\nC UTC\n"
    );
}

#[tokio::test]
async fn a_unit_that_does_something_else_is_in_no_state() {
    let (_directory, systemctl) = fake("echo ActiveState=reloading", TIMEOUT);
    let page = systemctl.show(&units(&["a.service"])).await.unwrap().to_string();
    let states = series(&page, "node_systemd_unit_state");
    assert!(states.len() == 5 && states.iter().all(|line| line.ends_with(" 0")), "{page}");
}

#[tokio::test]
async fn a_systemctl_that_hangs_is_killed_when_its_time_is_up() {
    // Once with its output open, once with it closed.
    for body in ["exec sleep 1000", "exec >&-; exec sleep 1000"] {
        let (_directory, systemctl) = fake(body, Duration::from_millis(50));
        let error = systemctl.show(&units(&["a.service"])).await.unwrap_err();
        assert_eq!(error.to_string(), "systemctl did not answer within 50ms");
    }
}

#[tokio::test]
async fn where_no_systemd_runs_that_is_said() {
    let (_directory, systemctl) = fake("exit 1", TIMEOUT);
    let error = systemctl.show(&units(&["a.service"])).await.unwrap_err().to_string();
    assert_eq!(error, "systemctl failed with exit status: 1; does systemd run here?");

    let systemctl = Systemctl { program: "/nowhere/systemctl".into(), timeout: TIMEOUT };
    let error = systemctl.show(&units(&["a.service"])).await.unwrap_err().to_string();
    assert_eq!(error, "cannot run /nowhere/systemctl");

    let (_directory, systemctl) = fake("echo ActiveState=active", TIMEOUT);
    let error = systemctl.show(&units(&["a.service", "b.service"])).await.unwrap_err().to_string();
    assert_eq!(error, "systemctl told of 1 units where we asked about 2");
}

#[test]
fn a_time_is_read_as_systemctl_writes_it() {
    for (stamp, read) in [
        ("Thu 1970-01-01 00:00:00 UTC", Some(0)),
        ("Sun 2026-11-22 19:00:57 UTC", Some(1_795_374_057)),
        ("Thu 2024-02-29 23:59:59 UTC", Some(1_709_251_199)),
        ("Sun 2026-11-22 19:00:57.123456 UTC", Some(1_795_374_057)),
        ("Sun 2026-11-22 19:00:57 CET", None),
        ("", None),
        ("n/a", None),
        ("a b c UTC", None),
    ] {
        assert_eq!(seconds(stamp), read, "{stamp}");
    }
}
