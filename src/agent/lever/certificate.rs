//! Makes a certificate like the real one, of the same key and signed by the same authority, that ran out years ago. It
//! takes the place of the real one like any other content of a file.

use super::{Hands, LeverError, file_swap, refused};
use crate::{
    clock::{Clock, SystemClock},
    scenario::pack::CertificateLayout,
};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{fs, path::Path, sync::Arc, time::Duration};

/// The first year that it was good for, and the one in which it ran out.
const YEARS: (i32, i32) = (2019, 2021);

pub(super) fn expired(hands: &Hands, certificate: &str) -> Result<file_swap::PreImage, LeverError> {
    let mut known = hands.layout.certificates.iter();
    let layout = known
        .find(|layout| layout.certificate == certificate)
        .ok_or_else(|| refused(format!("there is no certificate `{certificate}` here")))?;
    let path = file_swap::inside(hands, &layout.path)?;
    let pem = make(layout)
        .map_err(|why| refused(format!("no certificate can be made for `{certificate}`: {why}")))?;
    let ours = file_swap::Ours::Content(file_swap::Kept::new(pem.as_bytes()));
    let (authority, name) = (layout.authority.clone(), layout.subject.clone());
    let pre = file_swap::PreImage::take(path, None, |_| Ok(ours))?;
    Ok(pre.repaired_by(file_swap::Repair::GoodCertificate { authority, name }))
}

/// Whether clients that trust `authority` and ask for `name` accept the certificate in `pem` now.
pub(super) fn is_good(pem: &[u8], authority: &Path, name: &str) -> bool {
    verify(pem, authority, name).is_ok()
}

/// What such clients say of it.
fn verify(pem: &[u8], authority: &Path, name: &str) -> Result<(), String> {
    let unreadable = |err: rustls::pki_types::pem::Error| err.to_string();
    let refused = |err: rustls::Error| err.to_string();
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(unreadable)?;
    let (first, rest) = chain.split_first().ok_or("there is no certificate")?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).map_err(unreadable)?).map_err(refused)?;
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.map_err(|err| err.to_string())?;
    let name = ServerName::try_from(name).map_err(|err| err.to_string())?;
    let now = Duration::from_millis(SystemClock.now().millis().unsigned_abs());
    let now = UnixTime::since_unix_epoch(now);
    verifier.verify_server_cert(first, rest, &name, &[], now).map(drop).map_err(refused)
}

fn make(layout: &CertificateLayout) -> Result<String, String> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|err| format!("could not read {}: {err}", path.display()))
    };
    let odd = |err: rcgen::Error| err.to_string();
    let key = KeyPair::from_pem(&read(&layout.key)?).map_err(odd)?;
    let authority_key = KeyPair::from_pem(&read(&layout.authority_key)?).map_err(odd)?;
    let issuer = Issuer::from_ca_cert_pem(&read(&layout.authority)?, authority_key).map_err(odd)?;
    let mut params = CertificateParams::new(vec![layout.subject.clone()]).map_err(odd)?;
    params.not_before = rcgen::date_time_ymd(YEARS.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(YEARS.1, 1, 1);
    Ok(params.signed_by(&key, &issuer).map_err(odd)?.pem())
}

#[cfg(test)]
mod tests {
    use super::super::tests::hands;
    use super::*;
    use crate::fault::{Presence, Undone};
    use rcgen::{BasicConstraints, IsCa};

    fn with_certificate(root: &Path) -> Hands {
        let mut hands = hands(root);
        let layout = Arc::make_mut(&mut hands.layout);
        let at = |name: &str| layout.root.join(name);
        let paths = [at("web.pem"), at("web.key"), at("authority.pem"), at("authority.key")];
        let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "the depot's authority");
        let signed = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::new(authority, &authority_key);
        let own =
            CertificateParams::new(vec!["web.depot".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let texts = [own.pem(), key.serialize_pem(), signed, authority_key.serialize_pem()];
        for (path, text) in paths.iter().zip(texts) {
            fs::write(path, text).unwrap();
        }
        let [path, key, authority, authority_key] = paths;
        let certificate = CertificateLayout {
            certificate: "front".to_owned(),
            service: "web-east".parse().unwrap(),
            path,
            key,
            authority,
            authority_key,
            address: "127.0.0.1:1".to_owned(),
            subject: "web.depot".to_owned(),
        };
        layout.certificates.push(certificate);
        hands
    }

    /// What a client says of the certificate that lies there now.
    fn verdict(layout: &CertificateLayout) -> Result<(), String> {
        verify(&fs::read(&layout.path).unwrap(), &layout.authority, &layout.subject)
    }

    /// What the authority signs for a key that was just made.
    fn renewed(layout: &CertificateLayout) -> String {
        let authority_key = KeyPair::from_pem(&fs::read_to_string(&layout.authority_key).unwrap()).unwrap();
        let authority = fs::read_to_string(&layout.authority).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&authority, authority_key).unwrap();
        let params = CertificateParams::new(vec![layout.subject.clone()]).unwrap();
        params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().pem()
    }

    #[test]
    fn clients_say_that_it_has_run_out_and_nothing_else_until_the_undo() {
        let folder = tempfile::tempdir().unwrap();
        let hands = with_certificate(folder.path());
        let layout = &hands.layout.certificates[0];
        verdict(layout).unwrap();
        let pre = expired(&hands, "front").unwrap();
        pre.apply().unwrap();
        let said = verdict(layout).unwrap_err();
        assert!(said.contains("expired"), "{said}");
        assert_eq!(pre.undo().unwrap(), Undone::Restored);
        verdict(layout).unwrap();
        // Renewed, with a new key: that is a repair. Another one that has run out is none.
        let again = || make(layout).unwrap();
        let pre = expired(&hands, "front").unwrap();
        let good = fs::read_to_string(&layout.path).unwrap();
        pre.apply().unwrap();
        fs::write(&layout.path, again()).unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Diverged);
        fs::write(&layout.path, renewed(layout)).unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        verdict(layout).unwrap();
        assert_ne!(fs::read_to_string(&layout.path).unwrap(), good, "hands off");
        assert!(expired(&hands, "back").is_err());
        fs::remove_file(&layout.authority_key).unwrap();
        assert!(expired(&hands, "front").unwrap_err().to_string().contains("authority.key"));
    }
}
