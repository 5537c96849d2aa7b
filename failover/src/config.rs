//! The settings of this part.

mod parts;
mod place;
mod sites;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::config::{Environment, EnvironmentError, SectionError, read_secret_file, section};
use secrecy::SecretString;
use serde::Deserialize;

use crate::core::timing::{Pace, Timing, TimingError};
use crate::guard::Containment;

pub use parts::{Hooks, Limits, Notify, Probe};
pub use place::{Place, PlaceError, Redis};
pub use sites::{SiteName, SiteNameError, Sites, SitesError};

/// The `failover:` section of the configuration file, and what the environment says beside it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether the lease decides. Without it the command simply runs, which is loudly warned of.
    pub enabled: bool,
    /// Our site's name. `SITE_ID` wins.
    pub site: Option<SiteName>,
    /// All sites, the preferred one first. `FAILOVER_SITES` wins.
    pub sites: Vec<SiteName>,
    /// What all keys in Redis begin with.
    pub namespace: String,
    /// A set of times: `doc` or `fast`; the keys below change one each.
    pub profile: Profile,
    /// TTL of our keys, and how long a candidate waits.
    #[serde(with = "humantime_serde")]
    pub ttl: Option<Duration>,
    /// Pause between renewals.
    #[serde(with = "humantime_serde")]
    pub renew: Option<Duration>,
    /// Pause between looks at Redis.
    #[serde(with = "humantime_serde")]
    pub poll: Option<Duration>,
    /// Time for one answer of Redis.
    #[serde(with = "humantime_serde")]
    pub request: Option<Duration>,
    /// Time for the bot to end after SIGTERM.
    #[serde(with = "humantime_serde")]
    pub grace: Option<Duration>,
    /// Time from SIGKILL to the end of the bot's last process.
    #[serde(with = "humantime_serde")]
    pub kill: Option<Duration>,
    /// How long the preferred site must be well before it gets the bot back.
    #[serde(with = "humantime_serde")]
    pub preempt: Option<Duration>,
    /// What that may grow to when handing back fails.
    #[serde(with = "humantime_serde")]
    pub preempt_max: Option<Duration>,
    /// How much a second of one clock may differ from a true one, in millionths.
    pub drift_ppm: Option<u32>,
    /// Where Redis is. `REDIS_HOST`, `REDIS_PORT`, `REDIS_USER`, `REDIS_PASSWORD` or `REDIS_URL` win.
    pub redis: Redis,
    /// Where `/leader`, `/status` and `/metrics` are.
    pub listen: SocketAddr,
    /// File that remembers the epoch and the bot's starts.
    pub state: Option<PathBuf>,
    /// Start the bot's process early; it must not log in before it reads `GO` on its standard input.
    pub prestart: bool,
    /// How to hold the bot's processes together; none: the best that works here.
    pub containment: Option<Containment>,
    /// How to tell that the bot hangs.
    pub probe: Probe,
    /// What to run when the lease comes and goes.
    pub hooks: Hooks,
    /// Who is told when the bot's site changes: the alert bridge's `/notify`.
    pub notify: Notify,
    /// How often the bot may be started.
    pub budget: Limits,

    /// The bot's name, from `BOT_NAME`.
    #[serde(skip)]
    pub bot: Option<String>,
    /// Where Redis is, with its password. [`Config::load`] puts it together.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// A set of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// TTL 90 s, renewal every 30 s.
    #[default]
    Doc,
    /// TTL 15 s, renewal every 3 s.
    Fast,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            site: None,
            sites: Vec::new(),
            namespace: "rectbot".to_owned(),
            profile: Profile::default(),
            ttl: None,
            renew: None,
            poll: None,
            request: None,
            grace: None,
            kill: None,
            preempt: None,
            preempt_max: None,
            drift_ppm: None,
            redis: Redis::default(),
            listen: (Ipv4Addr::LOCALHOST, 9098).into(),
            state: None,
            prestart: false,
            containment: None,
            probe: Probe::default(),
            hooks: Hooks::default(),
            notify: Notify::default(),
            budget: Limits::default(),
            bot: None,
            place: None,
        }
    }
}

/// Why the configuration does not hold. No message quotes a secret.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConfigError {
    #[error(transparent)]
    Section(#[from] SectionError),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error("SITE_ID: {0}")]
    SiteId(SiteNameError),
    #[error("FAILOVER_SITES: {0}")]
    SiteList(SiteNameError),
    #[error(transparent)]
    Sites(#[from] SitesError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("failover: {0}")]
    Timing(#[from] TimingError),
    #[error("failover.namespace must be letters, digits, `_`, `-`, `.` and `:`, and not empty")]
    Namespace,
}

impl Config {
    /// Reads the section from `file`, and over it the names that users already have from `environment`.
    ///
    /// # Errors
    /// When either does not hold.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let mut config: Self = section::load("failover", file)?;
        if let Some(enabled) = environment.switch("FAILOVER_ENABLED")? {
            config.enabled = enabled;
        }
        if let Some(site) = environment.text("SITE_ID")? {
            config.site = Some(site.parse().map_err(ConfigError::SiteId)?);
        }
        if let Some(sites) = environment.text("FAILOVER_SITES")? {
            let names = sites.split(',').map(|name| name.trim().parse());
            config.sites = names.collect::<Result<_, _>>().map_err(ConfigError::SiteList)?;
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        if config.namespace.is_empty() || !config.namespace.chars().all(fits) {
            return Err(ConfigError::Namespace);
        }
        config.bot = environment.text("BOT_NAME")?;
        config.place = Some(Place::of(&config.redis, environment)?);
        config.timing()?;
        Ok(config)
    }

    /// Returns the sites in order, with ours among them.
    ///
    /// # Errors
    /// When ours is not named, or not in the list.
    pub fn sites(&self) -> Result<Sites, SitesError> {
        Sites::new(self.sites.clone(), self.site.clone())
    }

    /// Returns the times of the profile with what is set beside it.
    #[must_use]
    pub fn pace(&self) -> Pace {
        let profile = match self.profile {
            Profile::Doc => Pace::DOC,
            Profile::Fast => Pace::FAST,
        };
        Pace {
            ttl: self.ttl.unwrap_or(profile.ttl),
            renew: self.renew.unwrap_or(profile.renew),
            poll: self.poll.unwrap_or(profile.poll),
            request: self.request.unwrap_or(profile.request),
            grace: self.grace.unwrap_or(profile.grace),
            kill: self.kill.unwrap_or(profile.kill),
            preempt: self.preempt.unwrap_or(profile.preempt),
            preempt_max: self.preempt_max.unwrap_or(profile.preempt_max),
            drift_ppm: self.drift_ppm.unwrap_or(profile.drift_ppm),
        }
    }

    /// Returns the times, with the lease that follows from them.
    ///
    /// # Errors
    /// When they do not fit together.
    pub fn timing(&self) -> Result<Timing, TimingError> {
        Timing::new(&self.pace())
    }

    /// Returns the bot's name, for logs.
    #[must_use]
    pub fn bot_name(&self) -> &str {
        self.bot.as_deref().unwrap_or("bot")
    }

    pub(crate) fn notify_token(&self) -> Result<Option<SecretString>, EnvironmentError> {
        self.notify.token_file.as_deref().map(read_secret_file).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &Environment) -> Result<Config, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        let path = file.path().display().to_string();
        Config::load(Some(file.path()), environment).map_err(|error| error.to_string().replace(&path, "noroshi.yaml"))
    }

    #[test]
    fn the_environment_names_that_users_have_are_enough() {
        let environment = Environment::from([
            ("FAILOVER_ENABLED", "true"),
            ("SITE_ID", "oci"),
            ("REDIS_HOST", "10.0.0.1"),
            ("REDIS_PASSWORD", "hunter2"),
        ]);
        let config = Config::load(None, &environment).unwrap();
        let sites = config.sites().unwrap();
        assert_eq!(sites.names().map(SiteName::as_str).collect::<Vec<_>>(), ["xserver", "oci"]);
        assert_eq!(sites.me().0, 1);
        assert_eq!(config.place.as_ref().unwrap().to_string(), "redis://10.0.0.1:6379");
        assert_eq!(config.pace().ttl, Duration::from_secs(90));
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let text = "failover:\n  site: oci\n  sites: [oci, tokyo]\n  profile: fast\n  redis: {host: a, port: 1}\n";
        let config = load(text, &Environment::from([("SITE_ID", "tokyo"), ("REDIS_PORT", "2")])).unwrap();
        assert_eq!(config.sites().unwrap().me().0, 1);
        assert_eq!(config.place.unwrap().to_string(), "redis://a:2");
        assert_eq!(config.profile, Profile::Fast);
    }

    #[test]
    fn what_does_not_hold_is_said_with_what_to_do() {
        let none = Environment::default();
        let refusal = |text: &str| load(text, &none).unwrap_err();
        let hunter = load("", &Environment::from([("REDIS_URL", "http://:hunter2@a")])).unwrap_err();
        let lonely = load("failover:\n  site: a\n", &none).unwrap().sites().unwrap_err().to_string();
        let nameless = load("", &none).unwrap().sites().unwrap_err().to_string();
        for (said, part) in [
            (
                refusal("failover:\n  site: 'a|b'\n"),
                "a site's name is 1 to 64 letters, digits, `_`, `-` or `.` at line 2",
            ),
            (refusal("failover:\n  profile: slow\n"), "expected one of doc, fast at line 2"),
            (refusal("failover:\n  profile: fast\n  renew: 9s\n"), "renew more often, shorten grace or lengthen ttl"),
            (hunter, "REDIS_URL must be redis://[user:password@]host[:port][/db], or rediss:// for TLS"),
            (lonely, "the site `a` is not among failover.sites (FAILOVER_SITES), which are xserver, oci"),
            (nameless, "which site is this? Set SITE_ID, or failover.site in the configuration"),
        ] {
            assert!(said.contains(part) && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn the_shipped_example_is_read() {
        let example = include_str!("../../noroshi.example.yaml");
        let config: Config = section::parse("failover", example, "noroshi.example.yaml").unwrap();
        assert_eq!(config.site.as_ref().unwrap().as_str(), "oci");
        assert_eq!(config.sites().unwrap().me().0, 1);
        config.timing().unwrap();
    }
}
