//! `SSL_CERT_FILE`, the variable with which OpenSSL and many programs are told whom to trust.

use std::ffi::OsString;

use vestibule::config::Config;

pub(super) const VARIABLE: &str = "SSL_CERT_FILE";

/// Sets the file of trusted authorities for each `https://` address that has none of its own.
pub(super) fn complete(config: &mut Config, value: Option<OsString>) {
    let Some(path) = value.and_then(|value| value.into_string().ok()) else { return };
    let (auth, backend) = (&mut config.auth, &mut config.backend);
    for (url, ca_file) in
        [(&auth.jwks_url, &mut auth.jwks_ca_file), (&backend.url, &mut backend.ca_file)]
    {
        if url.starts_with("https://") && ca_file.is_empty() {
            ca_file.clone_from(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssl_cert_file_is_for_https_without_a_ca_file() {
        let files = |jwks_url: &str, backend_url: &str, ca_file: &str| {
            let mut config = Config::default();
            config.auth.jwks_url = jwks_url.to_owned();
            config.backend.url = backend_url.to_owned();
            config.backend.ca_file = ca_file.to_owned();
            complete(&mut config, Some("all.pem".into()));
            (config.auth.jwks_ca_file, config.backend.ca_file)
        };
        let pair = |jwks: &str, backend: &str| (jwks.to_owned(), backend.to_owned());
        assert_eq!(files("https://a/", "https://b/", ""), pair("all.pem", "all.pem"));
        assert_eq!(files("https://a/", "https://b/", "own.pem"), pair("all.pem", "own.pem"));
        assert_eq!(files("http://127.0.0.1/", "http://b/", ""), pair("", ""));
        assert_eq!(files("", "", ""), pair("", ""));
    }
}
