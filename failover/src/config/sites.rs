//! The sites, in the order in which they are preferred.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::core::record::Site;

/// The name of a site: letters, digits, `_`, `-` and `.`, at most 64 of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct SiteName(String);

/// Why a text is no name of a site.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a site's name is 1 to 64 letters, digits, `_`, `-` or `.`")]
pub struct SiteNameError;

impl SiteName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SiteName {
    type Error = SiteNameError;

    fn try_from(name: String) -> Result<Self, SiteNameError> {
        // It stands between bars in Redis, and in keys.
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err(SiteNameError);
        }
        Ok(Self(name))
    }
}

impl FromStr for SiteName {
    type Err = SiteNameError;

    fn from_str(name: &str) -> Result<Self, SiteNameError> {
        name.to_owned().try_into()
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The ordered list of sites, and which of them we are.
#[derive(Clone, Debug)]
pub struct Sites {
    names: Vec<SiteName>,
    me: Site,
}

/// Why a list of sites cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SitesError {
    #[error("which site is this? Set SITE_ID, or failover.site in the configuration")]
    Unnamed,
    #[error(
        "the site `{0}` is not among failover.sites (FAILOVER_SITES), which are {1}: add it, the preferred site first"
    )]
    Unlisted(SiteName, String),
    #[error("the site `{0}` stands twice in failover.sites")]
    Twice(SiteName),
    #[error("failover.sites has more than 100 sites")]
    TooMany,
}

impl Sites {
    pub(super) fn new(mut names: Vec<SiteName>, me: Option<SiteName>) -> Result<Self, SitesError> {
        let me = me.ok_or(SitesError::Unnamed)?;
        if names.is_empty() {
            // The two sites of the first users.
            names = ["xserver", "oci"].map(|name| SiteName(name.to_owned())).to_vec();
        }
        if names.len() > 100 {
            return Err(SitesError::TooMany);
        }
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                return Err(SitesError::Twice(name.clone()));
            }
        }
        let index = names.iter().position(|name| *name == me).and_then(|index| u8::try_from(index).ok());
        let listed = || names.iter().map(SiteName::as_str).collect::<Vec<_>>().join(", ");
        let index = index.ok_or_else(|| SitesError::Unlisted(me, listed()))?;
        Ok(Self { names, me: Site(index) })
    }

    /// Returns which one we are.
    #[must_use]
    pub fn me(&self) -> Site {
        self.me
    }

    /// Returns our name.
    #[must_use]
    pub fn my_name(&self) -> &str {
        self.name(self.me)
    }

    /// Returns the name of `site`; `?` for one that is not in the list.
    #[must_use]
    pub fn name(&self, site: Site) -> &str {
        self.names.get(site.index()).map_or("?", SiteName::as_str)
    }

    /// Returns the names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &SiteName> {
        self.names.iter()
    }

    /// Returns the sites in order.
    pub fn all(&self) -> impl Iterator<Item = Site> + use<> {
        (0..u8::try_from(self.names.len()).unwrap_or(u8::MAX)).map(Site)
    }

    /// Returns the site of that name; [`Site::UNLISTED`] if there is none.
    #[must_use]
    pub fn named(&self, name: &str) -> Site {
        let index = self.names.iter().position(|known| known.as_str() == name);
        index.and_then(|index| u8::try_from(index).ok()).map_or(Site::UNLISTED, Site)
    }
}
