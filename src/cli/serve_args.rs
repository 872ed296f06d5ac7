//! The flags that name addresses and the application: those of `serve`, which `check` judges too.

use clap::ValueEnum;

use super::application::BuiltInApp;

/// The flags of `vestibule serve`.
#[derive(Debug, Default, clap::Args)]
pub(super) struct ServeArgs {
    /// Addresses to listen on, comma-separated: HOST:PORT, :PORT or unix:PATH. Port 0 picks a free
    /// port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    listen: Vec<String>,
    /// Application to run [default: recipes, or the one behind --backend]
    #[arg(long, value_enum, value_name = "NAME")]
    app: Option<BuiltInApp>,
    /// URL of your application: joins and messages are forwarded to it
    #[arg(long, value_name = "URL", conflicts_with = "app")]
    backend: Option<String>,
}

impl ServeArgs {
    pub(super) fn is_given(&self) -> bool {
        !self.listen.is_empty() || self.app.is_some() || self.backend.is_some()
    }

    /// These flags, completed by `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            listen: if self.listen.is_empty() { other.listen } else { self.listen },
            app: self.app.or(other.app),
            backend: self.backend.or(other.backend),
        }
    }

    /// The configuration keys that these flags set.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let listen = (!self.listen.is_empty()).then(|| ("listen", self.listen.join(",")));
        let named = self.app.as_ref().and_then(ValueEnum::to_possible_value);
        let named = named.map(|value| ("app", value.get_name().to_owned()));
        // A backend given here wins over an application that the file names.
        let backend = self.backend.clone().map(|url| ("backend.url", url));
        let other = backend.as_ref().map(|_| ("app", "auto".to_owned()));
        listen.into_iter().chain(named.or(other)).chain(backend).collect()
    }
}
