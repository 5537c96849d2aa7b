use super::*;
use std::fs;

fn tree() -> (tempfile::TempDir, Files) {
    let tree = tempfile::tempdir().unwrap();
    let place = |name: &str| tree.path().join(name);
    for directory in ["proc", "sys/class/net/a", "sys/class/net/b"] {
        fs::create_dir_all(place(directory)).unwrap();
    }
    let files = Files::of(Host { procfs: place("proc"), sysfs: place("sys"), rootfs: place("root") });
    (tree, files)
}

fn open(files: &Files) -> usize {
    files.proc.borrow().files.len() + files.sys.borrow().files.len()
}

#[test]
fn a_file_is_opened_once_and_read_anew_each_time() {
    let (tree, files) = tree();
    let path = tree.path().join("proc/loadavg");
    for text in ["1 2 3", "", "a longer text than before", "x"] {
        fs::write(&path, text).unwrap();
        assert_eq!(&*files.read_proc("loadavg").unwrap(), text);
    }
    // Only whoever has it open can still read it.
    fs::remove_file(&path).unwrap();
    assert_eq!(&*files.read_proc("loadavg").unwrap(), "x");
}

#[test]
fn a_file_larger_than_the_buffer_is_read_whole_and_what_is_no_text_is_replaced() {
    let (tree, files) = tree();
    let large = "x".repeat(100_000);
    fs::write(tree.path().join("proc/vmstat"), &large).unwrap();
    fs::write(tree.path().join("proc/arp"), b"a\xffb").unwrap();
    assert_eq!(&*files.read_proc("vmstat").unwrap(), large);
    assert_eq!(&*files.read_proc("arp").unwrap(), "a\u{fffd}b");
    assert_eq!(&*files.read_proc("vmstat").unwrap(), large);
}

#[test]
fn what_is_not_there_is_looked_for_each_time() {
    let (tree, files) = tree();
    assert!(files.read_proc_if_any("mdstat").unwrap().is_none());
    let error = files.read_proc("mdstat").unwrap_err();
    assert!(format!("{error:#}").contains("/proc/mdstat: No such file"), "{error:#}");
    fs::write(tree.path().join("proc/mdstat"), "md0").unwrap();
    assert_eq!(files.read_proc_if_any("mdstat").unwrap().as_deref(), Some("md0"));
}

#[test]
fn a_file_that_answers_with_an_error_is_looked_for_once_more() {
    // A process' file is there as long as the process is, and then answers "no such process".
    let (_tree, mut files) = tree();
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    files.host.procfs = "/proc".into();
    let file = format!("{}/stat", child.id());
    assert!(files.read_proc(&file).unwrap().contains("(sleep)"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(files.read_proc_if_any(&file).unwrap().is_none());
    assert_eq!(open(&files), 0);
}

#[test]
fn a_device_that_took_the_name_of_another_is_not_read_from_the_others_files() {
    let (tree, files) = tree();
    let place = |name: &str| tree.path().join("sys/class/net").join(name);
    let read = |device: &str| {
        let is_there = files.devices("class/net").unwrap().iter().any(|present| present == device);
        is_there.then(|| files.read_attribute(&format!("class/net/{device}"), "mtu").map(|text| text.to_owned()))
    };
    fs::write(place("a/mtu"), "1500").unwrap();
    fs::write(place("b/mtu"), "9000").unwrap();
    assert_eq!((read("a"), read("b")), (Some(Some("1500".into())), Some(Some("9000".into()))));
    fs::rename(place("a"), place("c")).unwrap();
    fs::rename(place("b"), place("a")).unwrap();
    fs::rename(place("c"), place("b")).unwrap();
    assert_eq!((read("a"), read("b")), (Some(Some("9000".into())), Some(Some("1500".into()))));
    assert_eq!(read("none"), None);

    fs::remove_dir_all(place("b")).unwrap();
    fs::write(place("bonding_masters"), "").unwrap();
    assert_eq!(files.devices("class/net").unwrap(), ["a"]);
    assert_eq!(open(&files), 1);
    assert_eq!((read("a"), read("b")), (Some(Some("9000".into())), None));
}

#[test]
fn a_host_of_many_devices_does_not_run_out_of_files() {
    let (tree, files) = tree();
    for number in 0..300 {
        let device = format!("class/net/veth{number}");
        fs::create_dir_all(tree.path().join("sys").join(&device)).unwrap();
        fs::write(tree.path().join("sys").join(&device).join("mtu"), number.to_string()).unwrap();
        assert_eq!(files.read_attribute(&device, "mtu").as_deref(), Some(number.to_string().as_str()));
    }
    assert_eq!(open(&files), KEPT);
}

#[test]
fn one_look_reads_the_counters_once_and_the_next_one_anew() {
    let (tree, files) = tree();
    let write = |busy: u64| fs::write(tree.path().join("proc/stat"), format!("cpu {busy} 0 0 1\n")).unwrap();
    write(1);
    assert_eq!(files.stat().unwrap().total.user, 1);
    write(2);
    assert_eq!(files.stat().unwrap().total.user, 1);
    files.look_anew();
    assert_eq!(files.stat().unwrap().total.user, 2);
}

#[test]
fn a_plain_file_is_read_again_when_it_was_replaced() {
    let (tree, files) = tree();
    let path = tree.path().join("os-release");
    assert_eq!(files.read_plain_if_any(&path).unwrap(), None);
    for text in ["ID=debian", "ID=ubuntu", "ID=arch"] {
        fs::write(tree.path().join("new"), text).unwrap();
        fs::rename(tree.path().join("new"), &path).unwrap();
        assert_eq!(files.read_plain_if_any(&path).unwrap().as_deref(), Some(text));
        assert_eq!(files.read_plain_if_any(&path).unwrap().as_deref(), Some(text));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(files.read_plain_if_any(&path).unwrap(), None);
    assert!(files.read_plain_if_any(tree.path()).is_err());
}
