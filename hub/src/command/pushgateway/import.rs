//! `noroshi pushgateway import`: the groups of another Pushgateway, so that a change of gateway loses nothing.

use std::path::PathBuf;
use std::time::Duration;

use ::config::exit::Failure;
use ::pushgateway::Config;
use ::pushgateway::import::{Imported, into_directory};
use anyhow::{Context, bail};
use clap::Args;
use url::Url;

/// A Pushgateway of ten thousand groups takes that long to tell of them.
const TIMEOUT: Duration = Duration::from_secs(300);

/// From where, and to where.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The other Pushgateway, with its path prefix if it has one
    #[arg(value_name = "URL")]
    pub from: Url,
    /// Directory of the store, which nobody may be using meanwhile [default: as for serving]
    #[arg(long, env = "NOROSHI_PUSHGATEWAY_DATA", value_name = "DIR", conflicts_with = "into")]
    pub data: Option<PathBuf>,
    /// A store that is running, with the admin API on, instead of a directory
    #[arg(long, value_name = "URL")]
    pub into: Option<Url>,
}

const EXAMPLES: &str = "\
Examples:
  Before the first start:
    noroshi pushgateway import http://old-gateway:9091 --data /var/lib/noroshi/pushgateway
  Into a running one (admin_api: true), also again and again while pushers move over:
    noroshi pushgateway import http://old-gateway:9091 --into http://127.0.0.1:9091

Of a group that both have, the one that was pushed to last stays. Values, types, helps and the times of the pushes come along.";

/// Imports, and says how many groups came.
///
/// # Errors
/// When one of the two cannot be reached, or a group does not fit.
#[expect(clippy::print_stdout, reason = "the result")]
pub fn run(arguments: &Arguments, config: Config) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let imported = runtime.block_on(import(arguments, config))?;
    println!("{} group(s) imported, {} were newer here", imported.taken, imported.newer_here);
    if !imported.refused.is_empty() {
        let reasons = imported.refused.join("\n  ");
        return Err(anyhow::anyhow!("{} group(s) did not fit:\n  {reasons}", imported.refused.len()).into());
    }
    Ok(())
}

async fn import(arguments: &Arguments, mut config: Config) -> anyhow::Result<Imported> {
    let client = daemon::http::client(concat!("noroshi/", env!("CARGO_PKG_VERSION")))?;
    let from = below(&arguments.from, "api/v1/metrics");
    let body = async {
        let answer = client.get(from).timeout(TIMEOUT).send().await?.error_for_status()?;
        answer.bytes().await
    };
    let body =
        body.await.map_err(reqwest::Error::without_url).context("cannot read the groups of the other Pushgateway")?;
    if let Some(into) = &arguments.into {
        let into = below(into, "api/v1/admin/import");
        let sent = client.put(into).timeout(TIMEOUT).body(body).send().await;
        let answer = sent.map_err(reqwest::Error::without_url).context("cannot reach the store")?;
        let status = answer.status();
        let text = answer.text().await.context("cannot read the answer of the store")?;
        if status == 404 {
            bail!("the store has no admin API; set `pushgateway: {{admin_api: true}}`, or import into its directory");
        }
        return Imported::of_answer(&text).with_context(|| format!("the store answers {status}: {}", text.trim()));
    }
    config.data = arguments.data.clone().or(config.data);
    if config.data.is_none() {
        bail!("say where to: --data DIR, or --into URL for a store that is running");
    }
    into_directory(&config, &body).await
}

/// Returns the address of something below a gateway's own, whose path may end with a slash or not.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_kept() {
        for (base, whole) in [
            ("http://h:1", "http://h:1/api/v1/metrics"),
            ("http://h:1/pfx/", "http://h:1/pfx/api/v1/metrics"),
            ("http://h:1/pfx", "http://h:1/pfx/api/v1/metrics"),
        ] {
            assert_eq!(below(&base.parse().unwrap(), "api/v1/metrics").as_str(), whole);
        }
    }
}
