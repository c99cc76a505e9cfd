//! Where everything of a described target answers.
//!
//! Target number N has `127.N.3.x` for its services and `127.N.4.x` for its links, in the order of the file. Addresses
//! that are fixed stay.

use super::StagingError;
use crate::scenario::blueprint::{Blueprint, Filling, Spot};
use std::{net::TcpListener, path::Path};

const FIRST: u8 = 20;
const COUNT: u8 = 200;
const SERVICES: u8 = 3;
const LINKS: u8 = 4;

/// What placeholders of a target in this folder, with this number, are filled with.
pub fn filling(blueprint: &Blueprint, root: &Path, number: u8) -> Filling {
    let at = |net: u8, place: usize, spot: &Spot| match spot {
        Spot::Port(port) => Some(format!("127.{number}.{net}.{}:{port}", place + 1)),
        Spot::Fixed(address) => Some(address.clone()),
        Spot::Container(_) | Spot::None => None,
    };
    let services =
        blueprint.services.iter().enumerate().filter_map(|(place, service)| {
            Some((service.name.to_string(), at(SERVICES, place, &service.spot)?))
        });
    let links = blueprint
        .links
        .iter()
        .enumerate()
        .filter_map(|(place, link)| Some((link.name.to_string(), at(LINKS, place, &link.spot)?)));
    Filling { root: root.display().to_string(), addresses: services.chain(links).collect() }
}

/// A number whose addresses nobody listens on at this moment.
pub fn free_number(blueprint: &Blueprint) -> Result<u8, StagingError> {
    // Two callers at the same moment begin at different places.
    let begin = std::process::id() % u32::from(COUNT);
    (0..u32::from(COUNT))
        .map(|step| FIRST + u8::try_from((begin + step) % u32::from(COUNT)).unwrap_or(0))
        .find(|&number| is_free(blueprint, number))
        .ok_or(StagingError::NoFreeNumber)
}

fn is_free(blueprint: &Blueprint, number: u8) -> bool {
    let chosen = |spot: &Spot| matches!(spot, Spot::Port(_));
    let services = blueprint.services.iter().filter(|one| chosen(&one.spot)).map(|one| one.name.as_str());
    let links = blueprint.links.iter().filter(|one| chosen(&one.spot)).map(|one| one.name.as_str());
    let filling = filling(blueprint, Path::new("/"), number);
    // All are held until the last has been tried.
    let held: Result<Vec<_>, _> =
        services.chain(links).map(|name| TcpListener::bind(&filling.addresses[name])).collect();
    held.is_ok()
}
