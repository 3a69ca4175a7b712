//! The addresses at which this host itself listens.

use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Where this host listens. A piece that reaches it is a caller from inside, which no firewall sees.
#[derive(Debug, Clone, Default)]
pub(crate) struct Own(Vec<SocketAddr>);

impl Own {
    pub(crate) fn new(addresses: Vec<SocketAddr>) -> Self {
        Self(addresses)
    }

    /// Whether a connection to `ip` at `port` leads to this host.
    pub(crate) fn listens(&self, ip: IpAddr, port: u16) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().filter(|own| own.port() == port).any(|own| {
            let listens = own.ip().to_canonical();
            // A connection to the unspecified address ends at this machine.
            listens == ip || ip.is_unspecified() || (listens.is_unspecified() && is_local(ip))
        })
    }
}

/// Whether this machine has the address: only then can a socket be bound to it.
fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_is_its_own_where_it_listens() {
        let at = |own: &str| Own::new(vec![own.parse().unwrap()]);
        for (own, ip, port, expected) in [
            ("127.0.0.1:4747", "127.0.0.1", 4747, true),
            ("127.0.0.1:4747", "::ffff:127.0.0.1", 4747, true),
            ("127.0.0.1:4747", "0.0.0.0", 4747, true),
            ("127.0.0.1:4747", "127.0.0.1", 4748, false),
            ("127.0.0.1:4747", "127.0.0.2", 4747, false),
            ("0.0.0.0:4747", "127.0.0.2", 4747, true),
            ("[::]:4747", "127.0.0.1", 4747, true),
            ("0.0.0.0:4747", "192.0.2.1", 4747, false),
        ] {
            assert_eq!(at(own).listens(ip.parse().unwrap(), port), expected, "{own} {ip}:{port}");
        }
        assert!(!Own::default().listens([127, 0, 0, 1].into(), 4747));
    }
}
