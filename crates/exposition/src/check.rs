//! Whether a page holds, for whoever passes it on and needs nothing else of it.
//!
//! Most pages hold, and to see that costs less than to build one: no label is copied and no series is kept. A page about
//! which there is any doubt is parsed in earnest, so that the answer is always that of [`parse()`](crate::parse()).

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::error::ParseError;
use crate::families::Families;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::raw::{Family, Series};

/// The names and types of a page that holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// All names, one behind the other.
    names: String,
    /// Where each name ends, and the type that goes with it.
    families: Vec<(usize, Kind)>,
}

impl Outline {
    /// Returns name and type of each family, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Kind)> {
        let mut begin = 0;
        self.families.iter().map(move |(end, kind)| {
            let name = &self.names[begin..*end];
            begin = *end;
            (name, *kind)
        })
    }

    /// Returns how many families there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.families.len()
    }

    /// Returns whether the page was empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    fn push(&mut self, name: &str, kind: Kind) {
        self.names.push_str(name);
        self.families.push((self.names.len(), kind));
    }
}

impl From<&Families> for Outline {
    fn from(page: &Families) -> Self {
        let mut outline = Self::default();
        for family in page.iter() {
            outline.push(family.name().as_str(), family.kind());
        }
        outline
    }
}

/// Returns what is on a page in the text format 0.0.4 that [`parse()`](crate::parse()) takes.
///
/// # Errors
/// Those of [`parse()`](crate::parse()), which this refuses exactly the same pages as.
pub fn check(page: &[u8], limits: &Limits) -> Result<Outline, ParseError> {
    let families = crate::parse::loose(page, limits)?;
    if !is_beyond_doubt(&families) {
        return Ok(Outline::from(&crate::parse(page, limits)?));
    }
    let mut outline = Outline { names: String::new(), families: Vec::with_capacity(families.len()) };
    for family in &families {
        outline.push(&family.name, family.kind);
    }
    Ok(outline)
}

/// Returns whether nothing on the page can be wrong; what returns false may still hold.
fn is_beyond_doubt(families: &[Family<'_>]) -> bool {
    let state = RandomState::new();
    let mut seen = HashSet::new();
    let is_plain_family = |family: &Family<'_>| {
        seen.clear();
        // Series of one family differ when these differ; of equal ones it is not known.
        family.series().all(|series| is_plain(family, &series) && seen.insert(mark(&state, &series)))
    };
    families.iter().all(is_plain_family) && !collide(families)
}

/// Returns whether a histogram or summary has series that bear the name of another family.
fn collide(families: &[Family<'_>]) -> bool {
    if families.iter().all(|family| family.kind.suffixes().is_empty()) {
        return false;
    }
    let names: HashSet<&str> = families.iter().map(|family| &*family.name).collect();
    let mut name = String::new();
    families.iter().any(|family| {
        family.kind.suffixes().iter().any(|suffix| {
            name.clear();
            name.push_str(&family.name);
            name.push_str(suffix);
            names.contains(name.as_str())
        })
    })
}

fn is_plain(family: &Family<'_>, series: &Series<'_, '_>) -> bool {
    let is_own = |name: &str| family.kind.own_label() == Some(name);
    !series.has_timestamp
        && series.value.is_some_and(|(kind, _)| kind == family.kind)
        && !series.labels.iter().any(|(name, _)| name.starts_with("__") || is_own(name))
}

/// The same for the same labels in whatever order.
fn mark(state: &RandomState, series: &Series<'_, '_>) -> u64 {
    series.labels.iter().fold(0, |sum: u64, label| sum.wrapping_add(state.hash_one(label)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPES: [&str; 5] = ["counter", "gauge", "untyped", "histogram", "summary"];

    fn agree(page: &[u8]) -> Result<(), TestCaseError> {
        let parsed = crate::parse(page, &Limits::NONE);
        match (check(page, &Limits::NONE), parsed) {
            (Ok(outline), Ok(families)) => {
                let mut told: Vec<(&str, Kind)> = outline.iter().collect();
                told.sort_unstable_by_key(|(name, _)| *name);
                let parsed: Vec<(&str, Kind)> =
                    families.iter().map(|family| (family.name().as_str(), family.kind())).collect();
                prop_assert_eq!(told, parsed);
            }
            (Err(told), Err(parsed)) => prop_assert_eq!(told, parsed),
            (told, parsed) => prop_assert!(false, "{:?} and {:?}", told, parsed),
        }
        Ok(())
    }

    #[test]
    fn doubts_are_settled_by_parsing() {
        for page in [
            "",
            "m 1\n",
            "m{a=\"1\",b=\"2\"} 1\nm{b=\"2\",a=\"1\"} 2\n",
            "m{a=\"1\",b=\"2\"} 1\nm{a=\"2\",b=\"1\"} 2\n",
            "m 1 5\n",
            "m{__a=\"x\"} 1\n",
            "# TYPE h histogram\nh_count 1\nh_sum 1\n# TYPE h_count gauge\nh_count{a=\"b\"} 1\n",
            "h_count 1\n# TYPE h histogram\nh_sum 1\n",
            "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_bucket 1\n",
            "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n",
            "# HELP m text\n# TYPE m gauge\n",
        ] {
            agree(page.as_bytes()).unwrap_or_else(|error| panic!("{page}: {error}"));
        }
    }

    #[test]
    fn every_malformed_body_is_refused_as_by_parsing() {
        let cases: serde_json::Value = serde_json::from_str(include_str!("../testdata/malformed.json")).unwrap();
        for case in cases["cases"].as_array().unwrap() {
            if let Some(body) = case["body"].as_str() {
                agree(body.as_bytes()).unwrap_or_else(|error| panic!("{body:?}: {error}"));
            }
        }
    }

    proptest! {
        #[test]
        fn it_says_what_parsing_says(
            lines in prop::collection::vec(
                (0..4_usize, 0..5_usize, prop::collection::vec((0..3_usize, 0..2_usize), 0..3), any::<bool>(), 0..12_usize),
                0..12,
            ),
        ) {
            let mut page = String::new();
            for (name, kind, labels, is_typed, odd) in lines {
                let name = ["h", "h_count", "h_sum", "m"][name];
                if is_typed {
                    page.push_str(&format!("# TYPE {name} {}\n", TYPES[kind]));
                }
                let labels: Vec<String> =
                    labels.iter().map(|(label, value)| format!("{}=\"{value}\"", ["a", "le", "__b"][*label])).collect();
                let stamp = if odd == 0 { " 5" } else { "" };
                page.push_str(&format!("{name}{{{}}} 1{stamp}\n", labels.join(",")));
            }
            agree(page.as_bytes())?;
        }
    }
}
