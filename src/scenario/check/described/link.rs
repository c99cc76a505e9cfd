//! Links of a target file: who connects to whom, and whose proxy carries them.

use super::Check;
use crate::base::{LinkName, Span, names::is_name};
use crate::scenario::blueprint::{LinkPlan, Spot, ToxiproxyPlan};
use crate::scenario::file::{LinkFile, Placed, ToxiproxyFile};
use crate::scenario::pack::Link;
use std::net::SocketAddr;

impl Check<'_> {
    pub(super) fn links(&mut self) -> Vec<LinkPlan> {
        let written = self.written;
        let mut links: Vec<LinkPlan> = Vec::new();
        for (name, one) in &written.links.0 {
            let Some(link) = self.link(name, one) else { continue };
            if let Some(toxiproxy) = &link.toxiproxy
                && let Some(other) = links.iter().find(|other| other.toxiproxy.as_ref() == Some(toxiproxy))
            {
                let message = format!("`{}` is carried by the same proxy as `{}`", link.name, other.name);
                self.found.add(name.place, message);
            }
            links.push(link);
        }
        links
    }

    fn link(&mut self, name: &Placed<String>, one: &Placed<LinkFile>) -> Option<LinkPlan> {
        let link: LinkName = self.named(name)?;
        self.service(&one.from);
        self.service(&one.to);
        let toxiproxy = one.toxiproxy.as_ref().map(|toxiproxy| self.toxiproxy(one, toxiproxy));
        let to = self.written.services.0.iter().find(|(service, _)| service.value == one.to.as_str());
        let port = to.and_then(|(_, to)| {
            let fixed = to.address.as_ref().and_then(|address| address.parse::<SocketAddr>().ok());
            to.port.as_ref().map(|port| port.value).or_else(|| fixed.map(|address| address.port()))
        });
        if let Some(upstream) = &one.upstream {
            self.address(upstream);
        } else if to.is_some() && port.is_none() && toxiproxy.is_none() {
            self.found.add_with_help(
                one.to.place,
                format!("`{}` has no address that the link could lead to", one.to.as_str()),
                "give the service a `port` or an `address`, or the link an `upstream`",
            );
        }
        self.within_reach(name, one);
        let spot = match &one.listen {
            Some(listen) => {
                self.address(listen);
                Spot::Fixed(listen.value.clone())
            }
            None => Spot::Port(port.unwrap_or(0)),
        };
        Some(LinkPlan {
            name: link,
            to: one.to.value.clone(),
            spot,
            upstream: one.upstream.as_ref().map(|upstream| upstream.value.clone()),
            distance_ms: one.distance.as_ref().map_or(0, |distance| distance.millis()),
            http: one.http,
            toxiproxy,
        })
    }

    /// A proxy that is there already: it knows where it listens and leads, and nobody here changes that.
    fn toxiproxy(&mut self, link: &LinkFile, given: &Placed<ToxiproxyFile>) -> ToxiproxyPlan {
        self.address(&given.api);
        if !is_name(&given.proxy) {
            let message = format!("`{}` is not a name", given.proxy.value);
            self.found.add_with_help(given.proxy.place, message, "use letters, digits, `-`, `_` and `.`");
        }
        if link.listen.is_none() {
            self.found.add_with_help(
                given.place,
                "nobody here knows where this proxy listens",
                "give the link a `listen`: the address at which its users reach the proxy",
            );
        }
        let upstream = link.upstream.as_ref().map(|upstream| (upstream.place, "upstream"));
        let distance = link.distance.as_ref().map(|distance| (distance.place, "distance"));
        let http = link.http.then_some((given.place, "http"));
        for (place, field) in [upstream, distance, http].into_iter().flatten() {
            self.found.add_with_help(
                place,
                format!("`{field}` goes with Gameday's own proxy alone"),
                "leave it out, or leave `toxiproxy` out",
            );
        }
        ToxiproxyPlan { api: given.api.value.clone(), proxy: given.proxy.value.clone() }
    }

    pub(super) fn described_links(&self) -> Vec<Link> {
        let links = self.written.links.0.iter().filter_map(|(name, one)| {
            Some(Link {
                name: name.parse().ok()?,
                from: one.from.value.clone(),
                to: one.to.value.clone(),
                distance: one.distance.as_ref().map_or(Span::ZERO, |distance| distance.value),
                http: one.http,
                toxiproxy: one.toxiproxy.as_ref().map(|toxiproxy| toxiproxy.api.value.clone()),
            })
        });
        links.collect()
    }
}
