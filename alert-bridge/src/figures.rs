//! The numbers of an alert, as its rule says them.

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The value, as the rule's author wrote it: its annotation `value`.
    pub value: Option<String>,
    /// What it may be: the annotation `threshold`.
    pub threshold: Option<String>,
}
