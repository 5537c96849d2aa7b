//! Where the programs are: ours, built by the test run itself, and the engines, installed on the machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Builds all programs, and one test for the sake of its flag: only when tests are asked for does Cargo unite the features
/// of the dependencies as `cargo test --workspace` has just done, and then little is left to build.
const BUILD: [&str; 5] = ["build", "--workspace", "--bins", "--test", "discord_double"];

/// Returns the root of the checkout.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("e2e/ lies in the checkout")
}

/// Returns the folder of this build's programs, `target/debug` as a rule.
pub(super) fn folder() -> PathBuf {
    // target/debug/deps/alerts-0123456789abcdef
    let test = std::env::current_exe().expect("a test knows its own file");
    let folder = test.parent().expect("a file lies in a folder");
    if folder.ends_with("deps") {
        folder.parent().expect("deps/ lies in a folder").to_owned()
    } else {
        folder.to_owned()
    }
}

/// Returns the path of a program of ours. The first call builds all of them: `cargo test` on a fresh clone is enough.
///
/// # Panics
/// When they cannot be built, with what the compiler says.
pub fn ours(program: &str) -> PathBuf {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BUILT.get_or_init(build) {
        Ok(folder) => folder.join(program),
        Err(reason) => panic!("the programs under test cannot be built: {reason}"),
    }
}

fn build() -> Result<PathBuf, String> {
    let folder = folder();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let target = folder.parent().expect("a profile's folder lies in the target folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(BUILD).args(["--profile", profile, "--target-dir"]).arg(target).current_dir(root());
    // What Cargo tells a test about itself. ring's build script watches these, and would build ring anew, and with it
    // everything that speaks TLS, once in here and once more out there.
    let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_", "CARGO_TARGET_TMPDIR"];
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| told.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    if output.status.success() { Ok(folder) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Returns the path of an engine.
///
/// # Panics
/// When it is not installed: a test that needs it must fail, not pass by.
pub(super) fn engine(program: &str) -> PathBuf {
    find(program).unwrap_or_else(|| panic!("`{program}` is not installed; run scripts/install-test-deps"))
}

/// Looks where an administrator's shell would, because a user's PATH has no /usr/sbin, where nginx lives.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join(program)).find(|file| file.is_file())
}
