//! Where a console is reached: which hosts and origins are its own, and what its cookies are called.

use axum::http::uri::Authority;
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// The address that people use when something with TLS stands in front: `https://drills.example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(Authority);

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no public address: write it like `https://drills.example.org`");
        let authority = text.strip_prefix("https://").ok_or_else(wrong)?.trim_end_matches('/');
        let authority: Authority = authority.parse().map_err(|_| wrong())?;
        let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
        if plain { Ok(Self(authority)) } else { Err(wrong()) }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.0)
    }
}

/// Where a console listens, and what people call it.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) listen: SocketAddr,
    pub(super) public: Option<PublicUrl>,
}

impl Address {
    /// What a link to this console begins with.
    pub(super) fn origin(&self) -> String {
        match &self.public {
            Some(public) => public.to_string(),
            None => format!("http://{}", self.listen),
        }
    }

    /// The name of the cookie that holds the session of one side. Behind TLS the browser itself sees to it that nobody
    /// else can set it. Cookies know no ports, so without TLS the name says it: two consoles of one machine do not take
    /// each other's.
    pub(super) fn cookie_name(&self, side: &str) -> String {
        match &self.public {
            Some(_) => format!("__Host-gameday-{side}"),
            None => format!("gameday-{}-{side}", self.listen.port()),
        }
    }

    /// The whole cookie.
    pub(super) fn cookie(&self, side: &str, session: &str) -> String {
        let secure = if self.public.is_some() { "; Secure" } else { "" };
        format!("{}={session}; Path=/; HttpOnly; SameSite=Strict{secure}", self.cookie_name(side))
    }

    /// Whether a `Host` header names this console: its public name, `localhost`, a loopback address, or the one that it
    /// listens on, with its port.
    pub(super) fn is_host(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        if self.public.as_ref().is_some_and(|public| public.0 == authority) {
            return true;
        }
        if host.contains('@') || authority.port_u16().unwrap_or(80) != self.listen.port() {
            return false;
        }
        let name = authority.host();
        if name.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        // An address cannot be pointed elsewhere; only names can.
        bare.parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip == self.listen.ip() || self.listen.ip().is_unspecified())
    }

    /// Whether a page with this origin is one of the console that was asked as `host`.
    pub(super) fn is_origin(&self, origin: &str, host: &str) -> bool {
        match &self.public {
            Some(public) if host.parse().is_ok_and(|host: Authority| host == public.0) => {
                origin.parse::<PublicUrl>().as_ref() == Ok(public)
            }
            _ => origin.strip_prefix("http://") == Some(host),
        }
    }

    /// Who asks: the peer, or whom a TLS proxy on this machine says that it speaks for.
    pub(super) fn asker(&self, peer: IpAddr, forwarded_for: Option<&str>) -> IpAddr {
        if self.public.is_none() || !peer.is_loopback() {
            return peer;
        }
        // Each proxy adds the address that it saw at the end; what stands before may be anything.
        let last = forwarded_for.and_then(|list| list.rsplit(',').next());
        last.and_then(|address| address.trim().parse().ok()).unwrap_or(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(listen: impl Into<SocketAddr>) -> Address {
        Address { listen: listen.into(), public: None }
    }

    fn public() -> Address {
        let public = "https://drills.example.org/".parse().unwrap();
        Address { listen: ([127, 0, 0, 1], 7070).into(), public: Some(public) }
    }

    #[test]
    fn only_its_own_address_is_served() {
        let loopback = at(([127, 0, 0, 1], 4100));
        for host in ["127.0.0.1:4100", "localhost:4100", "LOCALHOST:4100", "[::1]:4100", "127.8.8.8:4100"] {
            assert!(loopback.is_host(host), "{host}");
        }
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:4101",
            "evil.example:4100",
            "localhost.evil.example:4100",
            "127.0.0.1.evil.example:4100",
            "me@127.0.0.1:4100",
            "10.0.0.7:4100",
            "127.0.0.1:4100/x",
        ] {
            assert!(!loopback.is_host(host), "{host}");
        }
        let named = at(([10, 0, 0, 7], 80));
        assert!(named.is_host("10.0.0.7") && !named.is_host("10.0.0.8"));
        let any = at(([0, 0, 0, 0], 4100));
        assert!(any.is_host("10.0.0.8:4100") && !any.is_host("evil.example:4100"));
    }

    #[test]
    fn behind_tls_its_public_name_is_its_own_and_cookies_are_safe() {
        let address = public();
        assert!(address.is_host("drills.example.org") && address.is_host("127.0.0.1:7070"));
        assert!(!address.is_host("evil.example") && !address.is_host("drills.example.org:444"));
        assert!(address.is_origin("https://drills.example.org", "drills.example.org"));
        assert!(!address.is_origin("http://drills.example.org", "drills.example.org"));
        assert!(!address.is_origin("https://evil.example", "drills.example.org"));
        assert_eq!(address.origin(), "https://drills.example.org");
        assert_eq!(
            address.cookie("responder", "abc"),
            "__Host-gameday-responder=abc; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        let plain = at(([127, 0, 0, 1], 4100));
        assert_eq!(
            plain.cookie("responder", "abc"),
            "gameday-4100-responder=abc; Path=/; HttpOnly; SameSite=Strict"
        );
        for wrong in
            ["http://drills.example.org", "drills.example.org", "https://", "https://a@b", "https://a/b"]
        {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_proxy_of_this_machine_speaks_for_others() {
        let (proxy, other): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [10, 0, 0, 7].into());
        let said = Some("1.2.3.4, 10.0.0.9");
        assert_eq!(public().asker(proxy, said), IpAddr::from([10, 0, 0, 9]));
        assert_eq!(public().asker(other, said), other);
        assert_eq!(public().asker(proxy, Some("nonsense")), proxy);
        assert_eq!(at(([127, 0, 0, 1], 4100)).asker(proxy, said), proxy);
    }
}
