//! A toxic on a link. It lives in the agent's own proxy, under the injection's name, and is gone with the agent.

use super::{Hands, LeverError, refused, seen};
use crate::{
    agent::proxy::{Proxy, Toxic},
    base::{InjectionId, LinkName},
    fault::{Fault, Presence},
    fault::{Inspection, Undone},
};
use serde::{Deserialize, Serialize};

/// Which toxic goes where. Before it there was none of this injection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The link.
    pub link: LinkName,
    /// The toxic.
    pub toxic: Toxic,
}

impl PreImage {
    pub(super) fn take(hands: &Hands, fault: &Fault) -> Result<Self, LeverError> {
        let (link, toxic) = Toxic::on_link(fault).map_err(|err| refused(err.to_string()))?;
        if !hands.layout.links.iter().any(|known| known.link == *link) {
            return Err(refused(format!("there is no link `{link}` here")));
        }
        Ok(Self { link: link.clone(), toxic })
    }

    fn proxy<'a>(&self, hands: &'a Hands) -> Option<&'a Proxy> {
        hands.links.get(&self.link)
    }

    pub(super) fn apply(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        let proxy = self.proxy(hands).ok_or_else(|| refused(format!("link `{}` has no proxy", self.link)))?;
        proxy.set(id, self.toxic.clone());
        Ok(())
    }

    pub(super) fn inspect(&self, hands: &Hands, id: &InjectionId) -> Inspection {
        let toxic = self.proxy(hands).and_then(|proxy| proxy.toxics().remove(id));
        match toxic {
            Some(_) => seen(Presence::Present, format!("the toxic is on link {}", self.link)),
            None => seen(Presence::Clean, format!("no toxic of it is on link {}", self.link)),
        }
    }

    pub(super) fn undo(&self, hands: &Hands, id: &InjectionId) -> Undone {
        match self.proxy(hands) {
            Some(proxy) if proxy.remove(id) => Undone::Restored,
            _ => Undone::AlreadyClean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hands, id};
    use super::*;
    use crate::{fault::Only, seed::Seed};
    use std::sync::Arc;

    #[tokio::test]
    async fn toxics_are_set_seen_and_removed_each_by_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut hands = hands(folder.path());
        let link = hands.layout.links[0].clone();
        let proxy = Proxy::open(&link, Seed(1)).await.unwrap();
        hands.links = Arc::new([(link.link.clone(), proxy)].into());
        let other: InjectionId = "gd-other".parse().unwrap();
        let latency = Fault::LinkLatency {
            link: link.link.clone(),
            latency_ms: 5,
            jitter_ms: 0,
            only: Only::default(),
        };
        let slow = PreImage::take(&hands, &latency).unwrap();
        let down = PreImage::take(&hands, &Fault::LinkDown { link: link.link }).unwrap();
        assert_eq!(slow.inspect(&hands, &id()).presence, Presence::Clean);
        slow.apply(&hands, &id()).unwrap();
        down.apply(&hands, &other).unwrap();
        assert_eq!(slow.inspect(&hands, &id()).presence, Presence::Present);
        assert_eq!(slow.undo(&hands, &id()), Undone::Restored);
        assert_eq!(slow.undo(&hands, &id()), Undone::AlreadyClean);
        assert_eq!(slow.inspect(&hands, &id()).presence, Presence::Clean);
        assert_eq!(down.inspect(&hands, &other).presence, Presence::Present);
    }

    #[test]
    fn a_link_that_is_not_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = "nowhere".parse().unwrap();
        let taken = PreImage::take(&hands(folder.path()), &Fault::LinkDown { link });
        assert!(matches!(taken, Err(LeverError::Refused(_))));
    }
}
