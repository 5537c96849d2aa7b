//! Listening sockets whose errors say what to do.

use std::io::ErrorKind;
use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

/// Binds `address` for `what` (as in "cannot listen on 127.0.0.1:9096 for webhooks").
///
/// # Errors
/// When the address cannot be had: the message says which, for what, and how to find who holds it.
pub async fn bind(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    let port = address.port();
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                format!("the port is in use; `ss -ltnp 'sport = :{port}'` shows by whom, --listen or --admin-listen takes another")
            }
            ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            ErrorKind::PermissionDenied => {
                "ports below 1024 need the right to bind them (CAP_NET_BIND_SERVICE)".to_owned()
            }
            _ => return anyhow::Error::new(error),
        };
        anyhow::Error::new(error).context(advice)
    })
    .with_context(|| format!("cannot listen on {address} for {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named_with_the_way_to_find_its_holder() {
        let first = bind(([127, 0, 0, 1], 0).into(), "webhooks").await.unwrap();
        let address = first.local_addr().unwrap();

        let error = format!("{:#}", bind(address, "webhooks").await.unwrap_err());

        assert!(
            error.starts_with(&format!("cannot listen on {address} for webhooks: the port is in use; `ss -ltnp")),
            "{error}"
        );
    }
}
