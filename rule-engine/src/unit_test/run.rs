//! Running a test file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use promql::{Engine, Memory, Point, Query, Semantics};
use series::{Labels, Sample, is_stale};

use super::compare::{self, Told};
use super::file::{File, Test};
use super::{TestFailure, UnitTest, Verdict, notation, paths};
use crate::ask::vector;
use crate::duration::{millis, write};
use crate::group::{Group, Start};
use crate::rules::{GroupRules, RuleFile};
use crate::settings::Settings;

/// Evaluations of one test; more take minutes and prove nothing.
const MOST_EVALUATIONS: i64 = 1_000_000;

pub(super) fn file(test: &UnitTest, semantics: Semantics) -> Verdict {
    let file = &test.file;
    let tests = file.tests.as_deref().unwrap_or_default();
    let mut verdict = Verdict { tests: tests.len(), ..Verdict::default() };
    let mut of_file = |reason: String| {
        verdict.failures.push(TestFailure { test: "the file".to_owned(), reason });
    };
    let mut rule_files = Vec::new();
    for pattern in file.rule_files.iter().flatten() {
        match paths::matching(&test.folder, pattern) {
            Ok(found) if found.is_empty() => verdict.unmatched.push(pattern.clone()),
            Ok(found) => rule_files.extend(found),
            Err(reason) => of_file(reason),
        }
    }
    let order = file.group_eval_order.as_deref().unwrap_or_default();
    for (place, name) in order.iter().enumerate() {
        if order.iter().take(place).any(|other| other == name) {
            of_file(format!("`group_eval_order` has the group `{name}` twice"));
        }
    }
    if !verdict.passed() {
        return verdict;
    }
    for (place, test) in tests.iter().enumerate() {
        let name = test.name.clone().filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("test {}", place + 1));
        let bench = Bench { file, test, semantics, rule_files: &rule_files };
        let failures = bench.run().unwrap_or_else(|reasons| reasons);
        verdict.failures.extend(failures.into_iter().map(|reason| TestFailure { test: name.clone(), reason }));
    }
    verdict
}

/// One test with all it needs.
struct Bench<'a> {
    file: &'a File,
    test: &'a Test,
    semantics: Semantics,
    rule_files: &'a [PathBuf],
}

impl Bench<'_> {
    /// Runs the test. Returns what was not as expected.
    ///
    /// # Errors
    /// What kept it from being run to the end.
    fn run(&self) -> Result<Vec<String>, Vec<String>> {
        let one = |reason: String| vec![reason];
        let step = millis(self.file.evaluation_interval());
        let mut store = Store::new(self.inputs().map_err(one)?);
        let settings = self.settings();
        let mut groups: Vec<Group> = self
            .groups()
            .map_err(one)?
            .into_iter()
            .map(|rules| Group::new(rules, settings.clone(), Start::Fresh))
            .collect();
        let tests = self.test.alert_rule_test.as_deref().unwrap_or_default();
        let mut alert_tests = Vec::new();
        for test in tests {
            match test.alertname.as_deref().filter(|name| !name.is_empty()) {
                Some(name) => alert_tests.push((millis(test.eval_time()), name, test)),
                None => {
                    let time = write(test.eval_time());
                    return Err(vec![format!("an alert_rule_test at {time} has no alertname")]);
                }
            }
        }
        alert_tests.sort_by_key(|(time, ..)| *time);
        let queries = self.test.promql_expr_test.as_deref().unwrap_or_default();
        let times = tests.iter().map(|test| test.eval_time()).chain(queries.iter().map(|test| test.eval_time()));
        let end = millis(times.max().unwrap_or_default());
        if end / step > MOST_EVALUATIONS {
            return Err(vec![format!("the test has more than {MOST_EVALUATIONS} evaluations")]);
        }

        let mut failures = Vec::new();
        let mut alert_tests = alert_tests.into_iter().peekable();
        let mut now = 0;
        while now <= end {
            store.feed(now);
            let broken = evaluate(&mut groups, &mut store, now);
            if !broken.is_empty() {
                failures.extend(broken);
                return Err(failures);
            }
            while let Some((time, name, test)) = alert_tests.next_if(|(time, ..)| *time < now + step) {
                if let Err(reason) = compare::alerts(test, name, firing(&groups, name)) {
                    let time = write(Duration::from_millis(time.unsigned_abs()));
                    failures.push(format!("alert {name} at {time}: {reason}"));
                }
            }
            now += step;
        }
        for test in queries {
            let text = test.expr.as_deref().unwrap_or_default();
            let got = Query::parse(text)
                .map_err(|reason| reason.to_string())
                .and_then(|query| vector(&settings.engine, &store.samples, &query, millis(test.eval_time())));
            let got = got.map(|points| points.into_iter().map(|point| (point.labels, point.sample.value)).collect());
            let is_fuzzy = self.file.fuzzy_compare.unwrap_or(false);
            if let Err(reason) = got.and_then(|got| compare::samples(test, got, is_fuzzy)) {
                failures.push(format!("`{text}` at {}: {reason}", write(test.eval_time())));
            }
        }
        Ok(failures)
    }

    fn settings(&self) -> Settings {
        let external = self.test.external_labels.iter().flatten();
        Settings {
            engine: Engine {
                semantics: self.semantics,
                subquery_step: self.file.evaluation_interval(),
                ..Engine::default()
            },
            external_labels: external
                .map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default()))
                .collect(),
            external_url: self.test.external_url.clone().unwrap_or_default(),
            ..Settings::default()
        }
    }

    /// Returns the groups in the order in which they are evaluated. Those that the file does not order stand with the first.
    fn groups(&self) -> Result<Vec<GroupRules>, String> {
        let mut groups = Vec::new();
        for path in self.rule_files {
            groups.extend(RuleFile::read(path).map_err(|reason| crate::ask::told(&reason))?.groups);
        }
        let order = self.file.group_eval_order.as_deref().unwrap_or_default();
        groups.sort_by_key(|group| order.iter().position(|name| *name == group.name).unwrap_or(0));
        Ok(groups)
    }

    /// Returns the series; of one that stands there twice the last counts.
    fn inputs(&self) -> Result<BTreeMap<Labels, Vec<Sample>>, String> {
        let interval = millis(self.test.interval().unwrap_or_else(|| self.file.evaluation_interval()));
        let mut inputs = BTreeMap::new();
        for input in self.test.input_series.iter().flatten() {
            let series = input.series.as_deref().unwrap_or_default();
            let labels = notation::metric(series)?;
            let values = notation::values(input.values.as_deref().unwrap_or_default())
                .map_err(|reason| format!("series `{series}`: {reason}"))?;
            let times = (0..).map(|place: i64| place.saturating_mul(interval));
            let samples = times.zip(values).filter_map(|(time, value)| Some(Sample::new(time, value?)));
            inputs.insert(labels, samples.collect());
        }
        Ok(inputs)
    }
}

/// What is stored, and what is still to come.
struct Store {
    samples: Memory,
    /// The last sample of each series.
    latest: BTreeMap<Labels, Sample>,
    coming: Vec<(Labels, std::iter::Peekable<std::vec::IntoIter<Sample>>)>,
}

impl Store {
    fn new(inputs: BTreeMap<Labels, Vec<Sample>>) -> Self {
        let coming = inputs.into_iter().map(|(labels, samples)| (labels, samples.into_iter().peekable())).collect();
        Self { samples: Memory::new(), latest: BTreeMap::new(), coming }
    }

    /// Stores the samples up to `now`: a rule must not see further.
    fn feed(&mut self, now: i64) {
        for (labels, samples) in &mut self.coming {
            while let Some(sample) = samples.next_if(|sample| sample.timestamp <= now) {
                self.samples.add(labels, sample);
                self.latest.insert(labels.clone(), sample);
            }
        }
    }

    /// Stores a sample of a rule, unless its moment is taken.
    fn add(&mut self, point: Point) -> Result<(), String> {
        let Point { labels, sample } = point;
        match self.latest.get(&labels).filter(|latest| latest.timestamp >= sample.timestamp) {
            Some(latest) if latest.value.to_bits() == sample.value.to_bits() => Ok(()),
            Some(_) if is_stale(sample.value) => Ok(()),
            Some(_) => Err(format!("{labels} has another sample of that moment already")),
            None => {
                self.samples.add(&labels, sample);
                self.latest.insert(labels, sample);
                Ok(())
            }
        }
    }
}

/// Evaluates all groups. Returns what went wrong.
fn evaluate(groups: &mut [Group], store: &mut Store, now: i64) -> Vec<String> {
    let mut broken = Vec::new();
    let time = write(Duration::from_millis(now.unsigned_abs()));
    for group in groups {
        let evaluation = group.evaluate(now, &store.samples);
        for failure in evaluation.failures {
            broken.push(format!("rule {} at {time}: {}", failure.name, failure.reason));
        }
        for point in evaluation.samples {
            if let Err(reason) = store.add(point) {
                broken.push(format!("group {} at {time}: {reason}", group.rules().name));
            }
        }
    }
    broken
}

fn firing(groups: &[Group], name: &str) -> Vec<Told> {
    let all = groups.iter().flat_map(Group::firing).filter(|(rule, _)| rule.alert == name);
    all.map(|(_, alert)| {
        let labels = alert.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (labels, alert.annotations.clone())
    })
    .collect()
}
