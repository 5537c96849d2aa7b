//! The rule files that a test file names, `*` and `?` among them.

use std::path::{Component, Path, PathBuf};

use regex::Regex;

/// Returns the files that `pattern` fits, relative to `folder`, in the order of their names.
///
/// # Errors
/// When the pattern is none.
pub(super) fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::new()];
    for component in folder.join(pattern).components() {
        let text = component.as_os_str().to_string_lossy();
        if matches!(component, Component::Normal(_)) && text.contains(['*', '?', '[']) {
            let name = name_pattern(&text).ok_or_else(|| format!("`{pattern}` is no pattern of files"))?;
            found = found.iter().flat_map(|parent| entries(parent, &name)).collect();
        } else {
            found.iter_mut().for_each(|path| path.push(component));
        }
    }
    found.retain(|path| path.exists());
    Ok(found)
}

fn entries(parent: &Path, name: &Regex) -> Vec<PathBuf> {
    let folder = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|entry| name.is_match(entry)).collect();
    names.sort();
    names.into_iter().map(|name| parent.join(name)).collect()
}

fn name_pattern(pattern: &str) -> Option<Regex> {
    let mut expression = String::from("^");
    let mut in_brackets = false;
    for letter in pattern.chars() {
        match letter {
            '*' if !in_brackets => expression.push_str(".*"),
            '?' if !in_brackets => expression.push('.'),
            '[' if !in_brackets => {
                in_brackets = true;
                expression.push('[');
            }
            ']' if in_brackets => {
                in_brackets = false;
                expression.push(']');
            }
            '^' | '-' if in_brackets => expression.push(letter),
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression.push('$');
    Regex::new(&expression).ok()
}
