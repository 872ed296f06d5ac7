//! Rules for the assistant's model.

use super::url::{Url, UrlFault};
use crate::config::Config;
use crate::config::error::FaultKind::{Malformed, Missing};
use crate::config::error::Faults;

impl Faults {
    pub(super) fn assistant(&mut self, config: &Config) {
        let (assistant, timeout) = (&config.assistant, config.backend.timeout);
        if assistant.url.is_empty() {
            return;
        }
        let fault = match Url::parse(&assistant.url) {
            Ok(url) => url.path.contains('#').then_some(UrlFault::NotHttp),
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            let wanted = "no address of a chat completions interface: write \
                           `https://host/v1/chat/completions` or \
                           `http://127.0.0.1:8000/v1/chat/completions`, without a user or fragment";
            self.add("assistant.url", Malformed, fault.or(wanted));
        }
        if assistant.model.is_empty() {
            let problem = "none, and assistant.url is set: name the model that its server has";
            self.add("assistant.model", Missing, problem);
        }
        if assistant.timeout >= timeout {
            let problem = format!(
                "{} is not less than backend.timeout, {timeout}, after which a message is answered \
                 with an error",
                assistant.timeout
            );
            self.conflict("assistant.timeout", &["backend.timeout"], problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Assistant, Config, Length};

    fn keys(url: &str, model: &str, seconds: u64) -> Vec<&'static str> {
        let assistant = Assistant {
            url: url.to_owned(),
            model: model.to_owned(),
            timeout: Length::from_secs(seconds),
            ..Assistant::default()
        };
        let config = Config { assistant, ..Config::default() };
        config.faults().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn model_has_an_address_a_name_and_less_time() {
        let url = "http://127.0.0.1:8000/v1/chat/completions";
        assert_eq!(keys(url, "llama", 4), [""; 0]);
        assert_eq!(keys("https://example.com/v1/chat?version=1", "m", 4), [""; 0]);
        assert_eq!(keys("", "", 60), [""; 0], "it is off");
        assert_eq!(keys(url, "", 5), ["assistant.model", "assistant.timeout"]);
        for url in ["ftp://a/b", "http://u:p@a/b", "https://a/b#c", "model", "http://a:0/b"] {
            assert_eq!(keys(url, "m", 4), ["assistant.url"], "{url}");
        }
    }
}
