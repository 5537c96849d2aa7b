//! The language of whoever sits at the prompt.

use clap::ValueEnum;
use config::Environment;

/// A language that commands answer in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// 日本語.
    Ja,
}

impl Language {
    /// Returns the language of the locale: Japanese for `ja_JP.UTF-8` and its like, English for all others.
    pub fn of_locale(environment: &Environment) -> Self {
        // The first that is set decides, as in POSIX.
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| environment.text(name).ok().flatten());
        if locale.is_some_and(|locale| locale.starts_with("ja")) { Self::Ja } else { Self::En }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_that_is_set_decides() {
        let of = |variables: [(&str, &str); 2]| Language::of_locale(&Environment::from(variables));
        assert_eq!(of([("LANG", "ja_JP.UTF-8"), ("LC_ALL", "")]), Language::Ja);
        assert_eq!(of([("LANG", "ja_JP.UTF-8"), ("LC_ALL", "C")]), Language::En);
        assert_eq!(of([("LANG", "de_DE.UTF-8"), ("LC_MESSAGES", "ja")]), Language::Ja);
        assert_eq!(Language::of_locale(&Environment::default()), Language::En);
    }
}
