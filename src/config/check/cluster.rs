//! Rules for a cluster.

use crate::config::error::FaultKind::Malformed;
use crate::config::error::Faults;
use crate::config::{ClusterUrl, Config};

/// The longest name of a node, and the longest prefix.
const MAX_NAME_BYTES: usize = 64;

impl Faults {
    pub(super) fn cluster(&mut self, config: &Config) {
        let cluster = &config.cluster;
        if cluster.url.is_empty() {
            return;
        }
        if let Err(problem) = ClusterUrl::parse(&cluster.url) {
            self.add("cluster.url", Malformed, problem);
        }
        let has_tls = cfg!(any(feature = "backend", feature = "jwks-url"));
        if cluster.url.starts_with("rediss://") && !has_tls {
            let problem = "this program was built without TLS for clients: it needs the feature \
                           `backend` or `jwks-url`";
            self.add("cluster.url", Malformed, problem);
        }
        if cluster.prefix.is_empty() || !is_name(&cluster.prefix) {
            let problem = "write 1 to 64 letters, digits, `.`, `_` or `-`";
            self.add("cluster.prefix", Malformed, problem);
        }
        if !is_name(&cluster.name) {
            let problem = "write up to 64 letters, digits, `.`, `_` or `-`, or nothing";
            self.add("cluster.name", Malformed, problem);
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.len() <= MAX_NAME_BYTES && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Backend, Cluster};

    fn keys(cluster: Cluster) -> Vec<&'static str> {
        let backend = Backend { url: "http://127.0.0.1:8000".to_owned(), ..Backend::default() };
        let config = Config { cluster, backend, ..Config::default() };
        config.faults().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn a_cluster_has_an_engine_and_names() {
        let url = || "redis://127.0.0.1".to_owned();
        assert_eq!(keys(Cluster { url: url(), ..Cluster::default() }), [""; 0]);
        let wrong = Cluster {
            url: "redis://u:p@a".to_owned(),
            prefix: String::new(),
            name: "a b".to_owned(),
            ..Cluster::default()
        };
        assert_eq!(keys(wrong), ["cluster.url", "cluster.prefix", "cluster.name"]);
        assert_eq!(keys(Cluster { prefix: String::new(), ..Cluster::default() }), [""; 0], "off");
    }
}
