//! What a service writes to its log: what changes, not what stays.

/// What was said about the pushes so far.
#[derive(Default)]
pub struct Words {
    last: Vec<String>,
    failures: u64,
}

impl Words {
    /// Says what came of a push, unless it is what came of the push before.
    pub fn tell(&mut self, warnings: Vec<String>, result: anyhow::Result<()>, say: &mut dyn FnMut(String)) {
        let mut now = warnings;
        let failures = std::mem::take(&mut self.failures);
        match result {
            Err(error) => {
                now.push(format!("{error:#}"));
                self.failures = failures + 1;
            }
            Ok(()) if failures > 0 => say(format!("pushes are taken again, after {failures} that were not")),
            Ok(()) => {}
        }
        for warning in &now {
            if !self.last.contains(warning) {
                say(format!("warning: {warning}"));
            }
        }
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_without_a_gateway_is_two_lines() {
        let (mut words, mut said) = (Words::default(), Vec::new());
        let mut tell = |warnings: &[&str], result| {
            words.tell(warnings.iter().map(|text| (*text).to_owned()).collect(), result, &mut |text| said.push(text));
        };
        tell(&[], Ok(()));
        for _ in 0..240 {
            tell(&["disk"], Err(anyhow::anyhow!("no gateway")));
        }
        tell(&["disk"], Ok(()));
        tell(&[], Ok(()));
        tell(&["disk"], Ok(()));
        assert_eq!(
            said,
            [
                "warning: disk",
                "warning: no gateway",
                "pushes are taken again, after 240 that were not",
                "warning: disk"
            ]
        );
    }
}
