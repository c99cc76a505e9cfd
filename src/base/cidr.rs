//! A range of addresses, written as people write it: `127.0.0.0/8`.

use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, str::FromStr};

/// A network and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// A text that is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a range of addresses: write it like `10.20.0.0/16`, with nothing behind the prefix")]
pub struct BadRange(String);

impl Cidr {
    /// Whether the address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                self.head(bits(address)) == self.head(bits(self.network))
            }
            _ => false,
        }
    }

    /// The bits that count.
    fn head(&self, bits: u128) -> u128 {
        let rest = if self.network.is_ipv4() { 32 } else { 128 } - u32::from(self.prefix);
        bits.checked_shr(rest).unwrap_or(0)
    }

    /// Whether bits behind the prefix are set: then it is unclear what was meant.
    fn is_blurred(&self) -> bool {
        let rest = if self.network.is_ipv4() { 32 } else { 128 } - u32::from(self.prefix);
        self.head(bits(self.network)).checked_shl(rest).unwrap_or(0) != bits(self.network)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

impl FromStr for Cidr {
    type Err = BadRange;

    fn from_str(text: &str) -> Result<Self, BadRange> {
        let bad = || BadRange(text.chars().take(60).collect());
        let (network, prefix) = text.split_once('/').ok_or_else(bad)?;
        let range =
            Self { network: network.parse().map_err(|_| bad())?, prefix: prefix.parse().map_err(|_| bad())? };
        let longest = if range.network.is_ipv4() { 32 } else { 128 };
        if range.prefix > longest || range.is_blurred() { Err(bad()) } else { Ok(range) }
    }
}

impl TryFrom<String> for Cidr {
    type Error = BadRange;

    fn try_from(text: String) -> Result<Self, BadRange> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(range: Cidr) -> Self {
        range.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_its_prefix_says_and_nothing_else() {
        let inside =
            |range: &str, address: &str| range.parse::<Cidr>().unwrap().contains(address.parse().unwrap());
        assert!(inside("127.0.0.0/8", "127.77.1.20") && !inside("127.0.0.0/8", "128.0.0.1"));
        assert!(inside("10.20.4.0/22", "10.20.7.255") && !inside("10.20.4.0/22", "10.20.8.0"));
        assert!(inside("10.1.2.3/32", "10.1.2.3") && !inside("10.1.2.3/32", "10.1.2.4"));
        assert!(inside("0.0.0.0/0", "203.0.113.9") && !inside("0.0.0.0/0", "::1"));
        assert!(inside("fd00::/8", "fd12::1") && !inside("fd00::/8", "fe80::1"));
        assert!(inside("::/0", "::1") && inside("::1/128", "::1") && !inside("::1/128", "::2"));
    }

    #[test]
    fn what_is_no_range_is_refused_with_an_example() {
        for text in ["127.0.0.1/8", "127.0.0.0", "127.0.0.0/33", "::/129", "staging/8", "10.0.0.0/", ""] {
            let told = text.parse::<Cidr>().unwrap_err().to_string();
            assert!(told.contains("10.20.0.0/16"), "{told}");
        }
        let range: Cidr = serde_json::from_str("\"10.0.0.0/8\"").unwrap();
        assert_eq!(serde_json::to_string(&range).unwrap(), "\"10.0.0.0/8\"");
    }
}
