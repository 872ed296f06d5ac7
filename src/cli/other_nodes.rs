//! The recipe chat for the other nodes of a cluster.

use std::sync::{Arc, RwLock};

use vestibule::Config;
use vestibule::backend::{ServedCalls, SharedSecret, SigningSecret};
use vestibule::net::Server;
use vestibule::recipes::{CompletionSink, RecipesApp};

/// What answers the other nodes of the cluster, of which this one owns the recipes.
#[derive(Debug)]
pub(super) struct OtherNodes {
    calls: ServedCalls,
    completions: CompletionSink,
    secret: SharedSecret,
}

impl OtherNodes {
    pub(super) fn of(config: &Config, app: &mut RecipesApp) -> Result<Option<Self>, String> {
        let recipes = &config.recipes;
        if recipes.listen.is_empty() {
            return Ok(None);
        }
        let secret = SigningSecret::read(&config.backend.secret_file);
        let secret = Arc::new(RwLock::new(secret.map_err(|error| error.to_string())?));
        let (shared, completions) = app.for_other_nodes();
        let bounds = (recipes.connections, config.longest_call());
        let calls = ServedCalls::new(Box::new(shared), Arc::clone(&secret), bounds);
        Ok(Some(Self { calls, completions, secret }))
    }

    /// Serves them at `recipes.listen`. What a reload replaces.
    pub(super) fn start(
        self,
        config: &Config,
        server: &mut Server,
    ) -> Result<SharedSecret, String> {
        let Self { calls, completions, secret } = self;
        let (handle, counts) = (server.handle(), calls.counts());
        completions.connect(move |done| {
            handle.complete_call(done.ticket, done.outcome);
        });
        server.add_probe(Arc::new(move || counts.readings()));
        let opened = server.serve_calls(config, Box::new(calls));
        let addresses = opened.map_err(|error| error.to_string())?;
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        log::info!("other nodes ask the recipe chat at {}", addresses.join(", "));
        Ok(secret)
    }
}
