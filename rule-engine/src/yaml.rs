//! YAML as this crate reads it.

use serde::de::DeserializeOwned;

/// Reads one document; an empty one gives the defaults.
///
/// # Errors
/// What is wrong, with line and column.
pub(crate) fn read<T: DeserializeOwned + Default>(text: &str) -> Result<T, String> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(T::default());
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let read: Result<Option<T>, _> = serde_saphyr::from_str_with_options(text, options);
    read.map(Option::unwrap_or_default).map_err(|error| {
        // The library's reason without the advice that it gives to programmers.
        let advice = [
            ", set DuplicateKeyPolicy in Options if acceptable",
            "; use from_str_multiple or from_str_multiple_with_options",
        ];
        advice.iter().fold(error.to_string(), |reason, advice| reason.replace(advice, ""))
    })
}
