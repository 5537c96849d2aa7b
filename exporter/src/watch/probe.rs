//! Ports and pages, under blackbox_exporter's names.

use std::time::Duration;

use exposition::Families;
use tokio::time::{Instant, timeout};

use super::config::{Http, Tcp};
use super::fetch::{Page, connect, fetch};
use super::labels::labels;
use super::reply::{Failure, Phases, Trace};
use super::trust::Trusts;

/// Something that should answer.
#[derive(Debug)]
pub enum Probe {
    /// A port.
    Tcp(Tcp),
    /// A page.
    Http(Http),
}

/// What a probe found.
#[derive(Debug)]
pub struct Reply {
    /// `None` is success.
    failure: Option<Failure>,
    took: Duration,
    /// Of a page only.
    page: Option<PageReply>,
    /// Trouble on our own side.
    pub warning: Option<String>,
}

#[derive(Debug)]
struct PageReply {
    status: Option<u16>,
    phases: Phases,
    expiry: Option<i64>,
}

impl Probe {
    /// Returns the value of the label `probe`.
    pub fn name(&self) -> &str {
        match self {
            Self::Tcp(tcp) => &tcp.name,
            Self::Http(http) => &http.name,
        }
    }

    fn module(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Http(_) => "http",
        }
    }

    fn bot(&self) -> Option<&str> {
        match self {
            Self::Tcp(tcp) => tcp.bot.as_deref(),
            Self::Http(http) => http.bot.as_deref(),
        }
    }

    /// Does what can be done before the clock runs.
    pub fn prepare(&self, trusts: &Trusts) {
        if let Self::Http(http) = self
            && http.url.server.is_tls()
        {
            trusts.prepare(http.ca_file.as_ref(), http.insecure);
        }
    }

    /// Tries it, within its own time.
    pub async fn look(&self, trusts: &Trusts) -> Reply {
        let began = Instant::now();
        let mut trace = Trace::default();
        match self {
            Self::Tcp(tcp) => {
                let limit = tcp.timeout.as_duration();
                let result = timeout(limit, connect(&tcp.target.host, tcp.target.port, limit, &mut trace)).await;
                let failure = result.unwrap_or(Err(Failure::Timeout)).err();
                Reply { failure, took: began.elapsed(), page: None, warning: None }
            }
            Self::Http(http) => {
                let failure = expect(http, trusts, &mut trace).await.err();
                let Trace { phases, status, expiry, warning } = trace;
                Reply { failure, took: began.elapsed(), page: Some(PageReply { status, phases, expiry }), warning }
            }
        }
    }
}

async fn expect(http: &Http, trusts: &Trusts, trace: &mut Trace) -> Result<(), Failure> {
    let page = Page {
        url: &http.url,
        redirects: http.redirects,
        ca_file: http.ca_file.as_ref(),
        is_insecure: http.insecure,
        limit: http.timeout.as_duration(),
    };
    let (status, body) = fetch(&page, trusts, trace).await?;
    let is_expected = if http.status.is_empty() { (200..300).contains(&status) } else { http.status.contains(&status) };
    if !is_expected {
        return Err(Failure::Status);
    }
    let is_said = http.body.as_deref().is_none_or(|text| contains(&body, text.as_bytes()));
    if is_said { Ok(()) } else { Err(Failure::Body) }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

/// Puts what the probes found onto a page.
pub fn write(probes: &[Probe], replies: &[Reply], bot: Option<&str>) -> anyhow::Result<Families> {
    let mut page = Families::new();
    for (probe, reply) in probes.iter().zip(replies) {
        let own = [("probe", probe.name()), ("module", probe.module())];
        let bot = probe.bot().or(bot);
        let with = |name, value| labels(&[own[0], own[1], (name, value)], bot);
        let own = labels(&own, bot);
        page.gauge("probe_success", "Displays whether or not the probe was a success")?
            .add(own.clone(), f64::from(u8::from(reply.failure.is_none())))?;
        page.gauge("probe_duration_seconds", "Returns how long the probe took to complete in seconds")?
            .add(own.clone(), reply.took.as_secs_f64())?;
        if let Some(failure) = reply.failure {
            page.gauge(
                "noroshi_exporter_probe_failure",
                "Always 1; the label says why the probe failed. Absent after a success.",
            )?
            .add(with("reason", failure.as_str()), 1.0)?;
        }
        let Some(answer) = &reply.page else { continue };
        page.gauge("probe_http_status_code", "Response HTTP status code")?
            .add(own.clone(), f64::from(answer.status.unwrap_or(0)))?;
        let phases =
            page.gauge("probe_http_duration_seconds", "Duration of http request by phase, summed over all redirects")?;
        for (phase, took) in answer.phases.named() {
            phases.add(with("phase", phase), took.as_secs_f64())?;
        }
        if let Some(expiry) = answer.expiry {
            page.gauge("probe_ssl_earliest_cert_expiry", "Returns last SSL chain expiry in unixtime")?
                .add(own, expiry as f64)?;
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests;
