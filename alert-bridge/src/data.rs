//! The directory for what the bridge keeps.

use std::path::PathBuf;

use ::config::Environment;

/// Returns where the outbox is kept unless somebody says otherwise: what systemd set up for us, or where the rest of
/// Noroshi keeps its state.
#[must_use]
pub fn default_directory(environment: &Environment, is_root: bool) -> Option<PathBuf> {
    // systemd may name several, with a colon in between.
    let of_systemd = environment.path("STATE_DIRECTORY").and_then(|paths| {
        let first = paths.to_str()?.split(':').next()?.to_owned();
        Some(PathBuf::from(first)).filter(|path| path.is_absolute())
    });
    of_systemd.or_else(|| Some(state(environment, is_root)?.join("alert-bridge")))
}

/// Returns where notes wait that could not be sent, unless somebody says otherwise.
#[must_use]
pub fn default_spool(environment: &Environment, is_root: bool) -> Option<PathBuf> {
    Some(state(environment, is_root)?.join("spool"))
}

fn state(environment: &Environment, is_root: bool) -> Option<PathBuf> {
    if is_root {
        return Some("/var/lib/noroshi".into());
    }
    // The XDG specification has a relative path ignored.
    let directory = environment
        .path("XDG_STATE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| environment.path("HOME").map(|home| home.join(".local/state")))?;
    Some(directory.join("noroshi"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outbox_has_a_place_for_a_service_for_root_and_for_others() {
        let place = |variables: &[(&str, &str)], is_root| {
            let all = [("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", ""), ("HOME", "")].map(|(name, none)| {
                (name, variables.iter().find(|(n, _)| *n == name).map_or(none, |(_, value)| value))
            });
            default_directory(&Environment::from(all), is_root)
        };
        let of = |path: &str| Some(PathBuf::from(path));
        assert_eq!(place(&[("STATE_DIRECTORY", "/var/lib/b:/var/lib/c"), ("HOME", "/home/a")], true), of("/var/lib/b"));
        assert_eq!(place(&[("HOME", "/home/a")], true), of("/var/lib/noroshi/alert-bridge"));
        assert_eq!(place(&[("HOME", "/home/a")], false), of("/home/a/.local/state/noroshi/alert-bridge"));
        let both = [("XDG_STATE_HOME", "/s"), ("HOME", "/home/a")];
        assert_eq!(place(&both, false), of("/s/noroshi/alert-bridge"));
        assert_eq!(
            place(&[("XDG_STATE_HOME", "s"), ("HOME", "/home/a")], false),
            of("/home/a/.local/state/noroshi/alert-bridge")
        );
    }
}
