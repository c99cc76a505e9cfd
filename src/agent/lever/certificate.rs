//! Makes a certificate like the real one, of the same key and signed by the same authority, that ran out years ago. It
//! takes the place of the real one like any other content of a file.

use super::{Hands, LeverError, file_swap, refused};
use crate::scenario::pack::CertificateLayout;
use rcgen::{CertificateParams, Issuer, KeyPair};
use std::{fs, path::Path};

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
    file_swap::PreImage::take(path, None, |_| {
        Ok(file_swap::Ours::Content(file_swap::Kept::new(pem.as_bytes())))
    })
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
    use crate::fault::Undone;
    use rcgen::{BasicConstraints, IsCa};
    use rustls::{
        RootCertStore,
        client::{WebPkiServerVerifier, danger::ServerCertVerifier},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    };
    use std::sync::Arc;

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
    fn verdict(layout: &CertificateLayout) -> Result<(), rustls::Error> {
        let pem = |path: &Path| CertificateDer::from_pem_file(path).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(pem(&layout.authority)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let name = ServerName::try_from("web.depot").unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_790_000_000));
        verifier.verify_server_cert(&pem(&layout.path), &[], &name, &[], now).map(drop)
    }

    #[test]
    fn clients_say_that_it_has_run_out_and_nothing_else_until_the_undo() {
        let folder = tempfile::tempdir().unwrap();
        let hands = with_certificate(folder.path());
        let layout = &hands.layout.certificates[0];
        verdict(layout).unwrap();
        let pre = expired(&hands, "front").unwrap();
        pre.apply().unwrap();
        let said = verdict(layout).unwrap_err().to_string();
        assert!(said.contains("expired"), "{said}");
        assert_eq!(pre.undo().unwrap(), Undone::Restored);
        verdict(layout).unwrap();
        assert!(expired(&hands, "back").is_err());
        fs::remove_file(&layout.authority_key).unwrap();
        assert!(expired(&hands, "front").unwrap_err().to_string().contains("authority.key"));
    }
}
