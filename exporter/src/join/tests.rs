use super::*;
use crate::collect::tests::series;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

mod bots;
mod files;

/// A page as the host's collectors leave it.
fn host() -> Families {
    let mut page = Families::new();
    page.gauge("node_load1", "1m load average.").unwrap().set(0.5).unwrap();
    page.gauge("process_open_fds", "Number of open file descriptors.").unwrap().set(9.0).unwrap();
    page
}

/// Settings as the file would have them.
fn config(text: &str) -> Config {
    let text = format!("exporter:\n  join: {text}\n");
    let config: crate::Config = ::config::section::parse("exporter", &text, "noroshi.yaml").unwrap();
    config.join
}

/// What the page and the warnings are once all was joined.
async fn joined(text: &str, environment: Environment) -> (String, Vec<String>) {
    let (mut page, mut warnings) = (host(), Vec::new());
    Joins::build(&config(text), &environment).fetch(&mut page, &mut |warning| warnings.push(warning)).await;
    (page.to_string(), warnings)
}

fn nobody() -> Environment {
    Environment::default()
}
