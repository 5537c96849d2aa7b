//! The one place that says which cryptography we use.

/// Makes ring the provider of this process's TLS. Call it first in `main`; later calls change nothing.
///
/// ring, because a first handshake with aws-lc-rs costs ten times the CPU, and it builds without cmake.
pub fn install_provider() {
    // An error means that another one stands already, which is what a second call finds.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
