//! Which IP addresses belong to the public internet, and which do not.
//!
//! The tables follow the IANA special-purpose address registries (RFC 6890 and its updates).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Why an address is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// `0.0.0.0/8` and `::`, which most systems connect to themselves.
    Unspecified,
    /// `127.0.0.0/8` and `::1`.
    Loopback,
    /// RFC 1918 networks.
    Private,
    /// RFC 4193, `fc00::/7`.
    UniqueLocal,
    /// `169.254.0.0/16` and `fe80::/10`.
    LinkLocal,
    /// `fec0::/10`, deprecated by RFC 3879 and still routed by some.
    SiteLocal,
    /// `100.64.0.0/10`, RFC 6598.
    SharedCarrier,
    /// Where a cloud gives a machine its credentials.
    Metadata,
    /// `224.0.0.0/4` and `ff00::/8`.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// Reserved by the IETF, or unassigned.
    Reserved,
    /// Addresses for documentation.
    Documentation,
    /// `198.18.0.0/15` and `2001:2::/48`.
    Benchmarking,
    /// `100::/64` and its siblings, RFC 6666.
    Discard,
    /// `2001:10::/28` and `2001:20::/28`: names that look like addresses, RFC 7343.
    Orchid,
    /// `64:ff9b:1::/48`: local-use address translation, RFC 8215.
    LocalTranslation,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "an unspecified",
            Self::Loopback => "a loopback",
            Self::Private => "a private",
            Self::UniqueLocal => "a unique local",
            Self::LinkLocal => "a link-local",
            Self::SiteLocal => "a site-local",
            Self::SharedCarrier => "a carrier-grade NAT",
            Self::Metadata => "a cloud metadata",
            Self::Multicast => "a multicast",
            Self::Broadcast => "a broadcast",
            Self::Reserved => "a reserved",
            Self::Documentation => "a documentation",
            Self::Benchmarking => "a benchmarking",
            Self::Discard => "a discard-only",
            Self::Orchid => "an ORCHID",
            Self::LocalTranslation => "a local translation",
        })
    }
}

impl Class {
    /// The class that keeps `ip` from being public; `None` when it is public.
    ///
    /// An IPv6 address that carries an IPv4 address is judged by both.
    pub fn of(ip: IpAddr) -> Option<Self> {
        match ip {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Option<Self> {
        V4.iter().find(|(net, _)| net.contains(&ip)).map(|(_, class)| *class)
    }

    fn of_v6(ip: Ipv6Addr) -> Option<Self> {
        if let Some((_, class)) = V6.iter().find(|(net, _)| net.contains(&ip)) {
            return Some(*class);
        }
        let embedded = Embedded::of(ip);
        if let Some(class) = embedded.addresses.into_iter().flatten().find_map(Self::of_v4) {
            return Some(class);
        }
        // An address that embeds no IPv4 address must be in 2000::/3, the space allocated for global unicast, and
        // outside 2001::/23, which the IETF reserves for protocols.
        (!embedded.whole && (!GLOBAL.contains(&ip) || IETF.contains(&ip))).then_some(Self::Reserved)
    }
}

/// The IPv4 addresses inside an IPv6 address.
struct Embedded {
    addresses: [Option<Ipv4Addr>; 2],
    /// The embedded IPv4 address alone determines the destination; the IPv6 prefix adds nothing.
    whole: bool,
}

impl Embedded {
    fn of(ip: Ipv6Addr) -> Self {
        let bits = ip.to_bits();
        let last = v4(bits);
        let (addresses, whole) = match ip.segments() {
            // IPv4-compatible (RFC 4291 2.5.5.1), -mapped (2.5.5.2), -translated (RFC 2765), NAT64 (RFC 6052).
            [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => {
                ([Some(last), None], true)
            }
            // 6to4, RFC 3056.
            [0x2002, ..] => ([Some(v4(bits >> 80)), None], true),
            // Teredo, RFC 4380: the server, and the client with its bits inverted.
            [0x2001, 0, ..] => ([Some(v4(bits >> 64)), Some(v4(!bits))], true),
            // ISATAP, RFC 5214: an interface identifier under any prefix.
            [_, _, _, _, 0 | 0x0200, 0x5efe, _, _] => ([Some(last), None], false),
            _ => ([None, None], false),
        };
        Self { addresses, whole }
    }
}

/// The low 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are the address")]
fn v4(bits: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits(bits as u32)
}

const fn net4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn net6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

const GLOBAL: Ipv6Net = net6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
const IETF: Ipv6Net = net6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23);

/// First match wins: the metadata services stand before the networks that hold them.
const V4: &[(Ipv4Net, Class)] = &[
    (net4(169, 254, 169, 254, 32), Class::Metadata), // nearly every cloud
    (net4(169, 254, 170, 2, 32), Class::Metadata),   // Amazon ECS
    (net4(169, 254, 170, 23, 32), Class::Metadata),  // Amazon EKS
    (net4(168, 63, 129, 16, 32), Class::Metadata),   // Azure
    (net4(100, 100, 100, 200, 32), Class::Metadata), // Alibaba
    (net4(192, 0, 0, 192, 32), Class::Metadata),     // Oracle
    (net4(0, 0, 0, 0, 8), Class::Unspecified),
    (net4(10, 0, 0, 0, 8), Class::Private),
    (net4(100, 64, 0, 0, 10), Class::SharedCarrier),
    (net4(127, 0, 0, 0, 8), Class::Loopback),
    (net4(169, 254, 0, 0, 16), Class::LinkLocal),
    (net4(172, 16, 0, 0, 12), Class::Private),
    (net4(192, 0, 0, 0, 24), Class::Reserved),
    (net4(192, 0, 2, 0, 24), Class::Documentation),
    (net4(192, 88, 99, 0, 24), Class::Reserved), // 6to4 relays, RFC 7526
    (net4(192, 168, 0, 0, 16), Class::Private),
    (net4(198, 18, 0, 0, 15), Class::Benchmarking),
    (net4(198, 51, 100, 0, 24), Class::Documentation),
    (net4(203, 0, 113, 0, 24), Class::Documentation),
    (net4(224, 0, 0, 0, 4), Class::Multicast),
    (net4(255, 255, 255, 255, 32), Class::Broadcast),
    (net4(240, 0, 0, 0, 4), Class::Reserved),
];

const V6: &[(Ipv6Net, Class)] = &[
    (net6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254], 128), Class::Metadata), // Amazon EC2
    (net6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23], 128), Class::Metadata),  // Amazon EKS
    (net6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254], 128), Class::Metadata), // Google
    (net6([0, 0, 0, 0, 0, 0, 0, 0], 128), Class::Unspecified),
    (net6([0, 0, 0, 0, 0, 0, 0, 1], 128), Class::Loopback),
    (net6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Class::LocalTranslation),
    (net6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), Class::Discard),
    (net6([0x100, 0, 0, 1, 0, 0, 0, 0], 64), Class::Discard), // dummy prefix, RFC 9780
    (net6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), Class::Benchmarking),
    (net6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28), Class::Orchid),
    (net6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28), Class::Orchid),
    (net6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Class::Documentation),
    (net6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Class::Documentation), // RFC 9637
    (net6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Class::UniqueLocal),
    (net6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Class::LinkLocal),
    (net6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Class::SiteLocal),
    (net6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Class::Multicast),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn class(ip: &str) -> Option<Class> {
        Class::of(ip.parse().unwrap())
    }

    #[test]
    fn public_addresses_have_no_class() {
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001:81b::200e",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "2001:0:808:808:0:0:f7f7:f7f7",
            "2606:4700::5efe:808:808",
        ] {
            assert_eq!(class(ip), None, "{ip}");
        }
    }

    #[test]
    fn special_addresses_are_named_for_what_they_are() {
        use Class::*;
        for (ip, expected) in [
            ("0.0.0.0", Unspecified),
            ("0.255.255.255", Unspecified),
            ("10.0.0.1", Private),
            ("10.255.255.255", Private),
            ("100.64.0.0", SharedCarrier),
            ("100.127.255.255", SharedCarrier),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("169.254.0.1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("168.63.129.16", Metadata),
            ("100.100.100.200", Metadata),
            ("192.0.0.192", Metadata),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.0.0.8", Reserved),
            ("192.0.2.1", Documentation),
            ("192.88.99.1", Reserved),
            ("192.168.1.1", Private),
            ("198.18.0.1", Benchmarking),
            ("198.19.255.255", Benchmarking),
            ("198.51.100.7", Documentation),
            ("203.0.113.7", Documentation),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.1", Reserved),
            ("255.255.255.254", Reserved),
            ("255.255.255.255", Broadcast),
            ("::", Unspecified),
            ("::1", Loopback),
            ("fc00::1", UniqueLocal),
            ("fdff::1", UniqueLocal),
            ("fd00:ec2::254", Metadata),
            ("fd20:ce::254", Metadata),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", SiteLocal),
            ("ff02::1", Multicast),
            ("100::1", Discard),
            ("100:0:0:1::1", Discard),
            ("2001:2::1", Benchmarking),
            ("2001:10::1", Orchid),
            ("2001:2f::1", Orchid),
            ("2001:db8::1", Documentation),
            ("3fff:fff::1", Documentation),
            ("2001:1::1", Reserved),
            ("2001:1ff::1", Reserved),
            ("4000::1", Reserved),
            ("5f00::1", Reserved),
            ("200::1", Reserved),
            ("64:ff9b:1::808:808", LocalTranslation),
        ] {
            assert_eq!(class(ip), Some(expected), "{ip}");
        }
    }

    #[test]
    fn an_embedded_private_address_is_found_in_every_ipv6_disguise() {
        use Class::*;
        for (ip, expected) in [
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:169.254.169.254", Metadata),
            ("::ffff:10.0.0.1", Private),
            ("::ffff:0.0.0.0", Unspecified),
            ("::127.0.0.1", Loopback),
            ("::169.254.169.254", Metadata),
            ("::ffff:0:7f00:1", Loopback),
            ("64:ff9b::7f00:1", Loopback),
            ("64:ff9b::a9fe:a9fe", Metadata),
            ("64:ff9b:1::7f00:1", LocalTranslation),
            ("2002:7f00:1::", Loopback),
            ("2002:a9fe:a9fe::1", Metadata),
            ("2002:c0a8:101::1", Private),
            // Teredo: a private server, then a private client (inverted).
            ("2001:0:7f00:1:0:0:f7f7:f7f7", Loopback),
            ("2001:0:808:808:0:0:80ff:fffe", Loopback),
            ("2606:4700::5efe:7f00:1", Loopback),
            ("2606:4700::200:5efe:a9fe:a9fe", Metadata),
            ("fe80::5efe:808:808", LinkLocal),
        ] {
            assert_eq!(class(ip), Some(expected), "{ip}");
        }
    }
}
