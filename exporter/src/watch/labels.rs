//! The labels of a watch's series.

/// Names and values.
pub type Labels = Vec<(&'static str, String)>;

/// Returns `own` and, if there is one, the label `bot`.
pub fn labels(own: &[(&'static str, &str)], bot: Option<&str>) -> Labels {
    let bot = bot.map(|bot| ("bot", bot));
    own.iter().copied().chain(bot).map(|(name, value)| (name, value.to_owned())).collect()
}
