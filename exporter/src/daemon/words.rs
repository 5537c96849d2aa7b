//! What a service writes to its log: what changes, not what stays.

use crate::exporter::Pushed;
use crate::gateway::PushError;

/// What was said about the pushes so far.
#[derive(Default)]
pub struct Words {
    /// What tells whether the same was said: a text without what a server said itself.
    last: Vec<String>,
    failures: u64,
}

impl Words {
    /// Says what came of a push, unless it is what came of the push before.
    pub fn tell(&mut self, warnings: Vec<String>, result: anyhow::Result<Pushed>, say: &mut dyn FnMut(String)) {
        let mut now: Vec<(String, String)> = warnings.into_iter().map(|warning| (warning.clone(), warning)).collect();
        let failures = std::mem::take(&mut self.failures);
        match result {
            Err(error) => {
                let text = format!("{error:#}");
                let in_brief = error.downcast_ref().map_or_else(|| text.clone(), PushError::in_brief);
                now.push((in_brief, text));
                self.failures = failures + 1;
            }
            Ok(pushed) => {
                if failures > 0 {
                    say(format!("pushes are taken again, after {failures} that were not"));
                }
                if let Some(reason) = pushed.refusal() {
                    let words = |reason: &str| format!("pushed without the joined metrics, because {reason}");
                    now.push((words(&reason.in_brief()), words(&reason.to_string())));
                }
            }
        }
        for (in_brief, text) in &now {
            if !self.last.contains(in_brief) {
                say(format!("warning: {text}"));
            }
        }
        self.last = now.into_iter().map(|(in_brief, _)| in_brief).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Refusal;

    #[test]
    fn an_hour_without_a_gateway_is_two_lines() {
        let (mut words, mut said) = (Words::default(), Vec::new());
        let mut tell = |warnings: &[&str], result| {
            words.tell(warnings.iter().map(|text| (*text).to_owned()).collect(), result, &mut |text| said.push(text));
        };
        tell(&[], Ok(Pushed::Whole));
        for _ in 0..240 {
            tell(&["disk"], Err(anyhow::anyhow!("no gateway")));
        }
        tell(&["disk"], Ok(Pushed::Whole));
        tell(&[], Ok(Pushed::Whole));
        tell(&["disk"], Ok(Pushed::Whole));
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

    #[test]
    fn a_gateway_that_refuses_in_other_words_each_time_is_one_line() {
        let (mut words, mut said) = (Words::default(), Vec::new());
        let refusal =
            |said: &str| PushError::BadPage(Refusal::new(&format!(": {said}"), |said| format!("no (400){said}")));
        for metric in ["a", "b", "c"] {
            words.tell(Vec::new(), Ok(Pushed::WithoutJoined(refusal(metric))), &mut |text| said.push(text));
        }
        for metric in ["d", "e"] {
            words.tell(Vec::new(), Err(refusal(metric).into()), &mut |text| said.push(text));
        }
        assert_eq!(said, ["warning: pushed without the joined metrics, because no (400): a", "warning: no (400): d"]);
    }
}
