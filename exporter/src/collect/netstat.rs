//! What the protocols of the internet have counted since boot.

use anyhow::Context as _;
use exposition::{Families, Kind};

use super::Collector;
use crate::files::Files;

/// Reads /proc/net/netstat, snmp and snmp6.
///
/// By hand: procfs-core does not have the first, and gives up on the others when a kernel lacks one of the fields it
/// knows.
pub struct Netstat;

impl Collector for Netstat {
    fn name(&self) -> &'static str {
        "netstat"
    }

    fn collect(&self, host: &Files, page: &mut Families) -> anyhow::Result<()> {
        for file in ["net/netstat", "net/snmp"] {
            let Some(text) = host.read_proc_if_any(file)? else { continue };
            let mut lines = text.lines();
            while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
                let odd = || format!("/proc/{file} has the line `{names}`");
                let (protocol, fields) = pair(names, values).with_context(odd)?;
                for (field, value) in fields {
                    add(page, protocol, field, value.with_context(odd)?)?;
                }
            }
        }
        // Without IPv6 there is no such file.
        for line in host.read_proc_if_any("net/snmp6")?.as_deref().unwrap_or_default().lines() {
            let (protocol, field, value) =
                single(line).with_context(|| format!("/proc/net/snmp6 has the line `{line}`"))?;
            add(page, protocol, field, value)?;
        }
        Ok(())
    }
}

/// Matches a line of names with the line of values below it: `Udp: InDatagrams NoPorts` over `Udp: 7 0`.
fn pair<'a>(
    names: &'a str,
    values: &'a str,
) -> anyhow::Result<(&'a str, impl Iterator<Item = (&'a str, anyhow::Result<&'a str>)>)> {
    let (protocol, names) = names.split_once(':').context("no colon")?;
    let values = values.strip_prefix(protocol).and_then(|rest| rest.strip_prefix(':')).context("no values below it")?;
    let (names, mut values) = (names.split_ascii_whitespace(), values.split_ascii_whitespace());
    Ok((protocol, names.map(move |name| (name, values.next().context("fewer values than names")))))
}

/// Splits `Udp6InDatagrams 7` behind the 6.
fn single(line: &str) -> anyhow::Result<(&str, &str, &str)> {
    let mut words = line.split_ascii_whitespace();
    let (name, value) = words.next().zip(words.next()).context("less than two words")?;
    let (protocol, field) = name.split_at(name.find('6').context("no 6 in its name")? + 1);
    Ok((protocol, field, value))
}

fn add(page: &mut Families, protocol: &str, field: &str, value: &str) -> anyhow::Result<()> {
    if !is_wanted(protocol, field) {
        return Ok(());
    }
    // Among those that only count there are some that do not: how many connections there are, whether we forward.
    let number = value.parse().with_context(|| format!("{protocol}{field} is `{value}`"))?;
    let help = ["Statistic ", protocol, field, "."].concat();
    page.family(["node_netstat_", protocol, "_", field].concat(), help, Kind::Untyped)?.set(number)?;
    Ok(())
}

/// Whether node_exporter takes this one of several hundred by default.
fn is_wanted(protocol: &str, field: &str) -> bool {
    match (protocol, field) {
        (_, "InErrors" | "InErrs")
        | ("Ip", "Forwarding")
        | ("Ip6" | "IpExt", "InOctets" | "OutOctets")
        | ("Icmp" | "Icmp6", "InMsgs" | "OutMsgs")
        | ("TcpExt", "TCPSynRetrans" | "TCPTimeouts")
        | ("Tcp", "ActiveOpens" | "InSegs" | "OutSegs" | "OutRsts" | "PassiveOpens" | "RetransSegs" | "CurrEstab")
        | ("Udp" | "Udp6", "InDatagrams" | "OutDatagrams" | "NoPorts" | "RcvbufErrors" | "SndbufErrors") => true,
        ("TcpExt", field) => field.starts_with("Listen") || field.starts_with("Syncookies"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::tests::written;

    #[test]
    fn the_fields_that_dashboards_use_are_taken_and_the_rest_is_not() {
        insta::assert_snapshot!(written(&Netstat, "small-vps"));
    }

    #[test]
    fn a_host_without_ipv6_has_no_such_fields() {
        let page = written(&Netstat, "container");
        assert!(page.contains("node_netstat_Tcp_CurrEstab 3\n"), "{page}");
        assert!(!page.contains("6_"), "{page}");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (names, values) in [("Tcp InSegs", "Tcp 1"), ("Tcp: InSegs", "Udp: 1"), ("Tcp: InSegs OutSegs", "Tcp: 1")] {
            let is_whole = pair(names, values).is_ok_and(|(_, mut fields)| fields.all(|(_, value)| value.is_ok()));
            assert!(!is_whole, "{names}");
        }
        for line in ["", "Udp6InErrors", "UdpInErrors 1"] {
            assert!(single(line).is_err(), "{line}");
        }
        assert!(add(&mut Families::new(), "Tcp", "InSegs", "many").is_err());
    }
}
