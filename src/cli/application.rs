//! The application that `serve` runs, and its background threads.

#[cfg(any(feature = "backend", feature = "recipes"))]
use std::path::Path;
#[cfg(any(feature = "backend", feature = "recipes"))]
use std::sync::Arc;
#[cfg(feature = "backend")]
use std::sync::PoisonError;
#[cfg(feature = "backend")]
use std::time::Duration;

#[cfg(all(feature = "backend", feature = "recipes"))]
use vestibule::backend::ModelRequest;
#[cfg(feature = "backend")]
use vestibule::backend::{self, BackendApp};
#[cfg(feature = "backend")]
use vestibule::backend::{ModelService, SharedSecret};
use vestibule::net::{self, Server};
#[cfg(all(feature = "backend", feature = "recipes"))]
use vestibule::recipes::ModelCall;
#[cfg(feature = "recipes")]
use vestibule::recipes::{
    AccountCounters, CompletionSink, DatabaseState, RecipesApp, StorageError, inspect_database,
};
use vestibule::{Access, App, Config, MemoryApp};

use super::app_choice::{has_storage, is_backend, refusal};
#[cfg(all(feature = "backend", feature = "recipes"))]
use super::other_nodes::OtherNodes;
#[cfg(feature = "backend")]
use super::secret;

/// How long the shutdown waits for the backend's last `/leave` calls.
#[cfg(feature = "backend")]
const LAST_LEAVES: Duration = Duration::from_secs(2);

/// The built-in applications, as `app` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum BuiltInApp {
    /// Recipe chat with accounts, on SQLite in the data directory
    #[cfg(feature = "recipes")]
    Recipes,
    /// In-memory rooms; the first user to join owns the room, others are refused
    Memory,
    /// In-memory rooms that every user may join, for load tests. What they said last outlives a restart
    MemoryOpen,
}

/// Creates the application, and its background work, which starts once the server exists.
pub(super) fn choose(config: &Config) -> Result<(Box<dyn App>, Background), String> {
    if let Some(refusal) = refusal(config) {
        return Err(refusal.to_owned());
    }
    if is_backend(config) {
        return backend_app(config);
    }
    let access = match config.app.as_str() {
        "memory-open" => Access::Open,
        #[cfg(feature = "recipes")]
        "auto" | "recipes" => return recipes_app(config),
        _ => Access::Owner,
    };
    let seed = net::seed()
        .map_err(|error| format!("the operating system returned no random bytes: {error}"))?;
    // A load test of restarts asks nothing of its recipes.
    let background = Background::default().outliving(access == Access::Open);
    Ok((Box::new(MemoryApp::new(config, access, &seed)), background))
}

/// The recipe chat, with the assistant's model if that is configured.
#[cfg(feature = "recipes")]
#[cfg_attr(not(feature = "backend"), expect(unused_mut, reason = "it has no model"))]
fn recipes_app(config: &Config) -> Result<(Box<dyn App>, Background), String> {
    if !config.recipes.listen.is_empty() {
        for warning in inspect(config).map_err(|faults| faults.join("; "))? {
            log::warn!("{warning}");
        }
    }
    let (mut app, completions) = RecipesApp::open(config).map_err(|error| error.to_string())?;
    let mut background = Background {
        outlives_process: true,
        completions: Some(completions),
        counters: Some(app.account_counters()),
        #[cfg(feature = "backend")]
        threads: None,
        #[cfg(feature = "backend")]
        model: None,
        #[cfg(feature = "backend")]
        served: None,
    };
    if config.assistant.url.is_empty() {
        #[cfg(feature = "backend")]
        {
            background.served = OtherNodes::of(config, &mut app)?;
        }
        return Ok((Box::new(app), background));
    }
    #[cfg(feature = "backend")]
    {
        let model = ModelService::start(&config.assistant).map_err(|error| error.to_string())?;
        let asked = model.clone();
        app.set_model(
            config,
            Box::new(move |ModelCall { user, connection, start, body, answer }| {
                asked.ask(ModelRequest { user, connection, start, body }, answer);
            }),
        );
        // What follows the path may be a key.
        let url = config.assistant.url.split('?').next().unwrap_or_default();
        let name = &config.assistant.model;
        log::info!("what the assistant does not understand goes to the model {name} at {url}");
        background.model = Some(model);
        background.served = OtherNodes::of(config, &mut app)?;
        Ok((Box::new(app), background))
    }
    #[cfg(not(feature = "backend"))]
    Err(NO_MODEL.to_owned())
}

#[cfg(not(feature = "backend"))]
const NO_MODEL: &str = "assistant.url: this program was built without the feature `backend`";

/// The application's background work, before the server exists.
#[derive(Debug, Default)]
pub(super) struct Background {
    /// Are its rooms in the next process what they were?
    pub(super) outlives_process: bool,
    #[cfg(feature = "recipes")]
    completions: Option<CompletionSink>,
    #[cfg(feature = "recipes")]
    counters: Option<AccountCounters>,
    #[cfg(feature = "backend")]
    threads: Option<backend::Threads>,
    #[cfg(feature = "backend")]
    model: Option<ModelService>,
    #[cfg(all(feature = "backend", feature = "recipes"))]
    served: Option<OtherNodes>,
}

/// The application's background threads while the server runs.
#[derive(Debug)]
pub(super) struct BackgroundThreads {
    #[cfg(feature = "backend")]
    backend: Option<backend::RunningThreads>,
    /// What the calls of other nodes are signed with.
    #[cfg(feature = "backend")]
    served: Option<SharedSecret>,
}

#[cfg(feature = "backend")]
fn backend_app(config: &Config) -> Result<(Box<dyn App>, Background), String> {
    for warning in inspect(config).map_err(|faults| faults.join("; "))? {
        log::warn!("{warning}");
    }
    let (app, threads) = BackendApp::new(&config.backend).map_err(|error| error.to_string())?;
    log::info!("joins and messages are forwarded to the backend at {}", config.backend.url);
    let background =
        Background { outlives_process: true, threads: Some(threads), ..Background::default() };
    Ok((Box::new(app), background))
}

#[cfg(not(feature = "backend"))]
fn backend_app(_config: &Config) -> Result<(Box<dyn App>, Background), String> {
    Err("backend.url: this program was built without the feature `backend`".to_owned())
}

/// Checks the files for the backend. Returns a warning for each secret that others can access.
#[cfg(feature = "backend")]
pub(super) fn inspect(config: &Config) -> Result<Vec<String>, Vec<String>> {
    let backend = &config.backend;
    if backend.url.is_empty() && config.recipes.listen.is_empty() {
        return inspect_model(config);
    }
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    if backend.url.is_empty() {
        match inspect_model(config) {
            Ok(found) => warnings.extend(found),
            Err(found) => faults.extend(found),
        }
    }
    let mut note = |exposed: Result<Option<String>, String>| match exposed {
        Ok(warning) => warnings.extend(warning),
        Err(fault) => faults.push(fault),
    };
    let exposed = |setting: &str, path: &str| {
        secret::exposure(Path::new(path)).map_err(|error| format!("{setting} {path}: {error}"))
    };
    let secret_file = &backend.secret_file;
    if !secret_file.is_empty() {
        let read = backend::SigningSecret::read(secret_file).map_err(|error| error.to_string());
        note(read.and_then(|_| exposed("backend.secret_file", secret_file)));
    }
    let client_key = &backend.client_key;
    let loaded = backend::client_tls(backend).map_err(|error| error.to_string());
    note(loaded.and_then(|_| match client_key.as_str() {
        "" => Ok(None),
        path => exposed("backend.client_key", path),
    }));
    if faults.is_empty() { Ok(warnings) } else { Err(faults) }
}

/// Checks the files for the assistant's model.
#[cfg(feature = "backend")]
fn inspect_model(config: &Config) -> Result<Vec<String>, Vec<String>> {
    let assistant = &config.assistant;
    if assistant.url.is_empty() || !has_storage(config) {
        return Ok(Vec::new());
    }
    ModelService::inspect(assistant).map_err(|error| vec![error.to_string()])?;
    let path = &assistant.key_file;
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let exposed = secret::exposure(Path::new(path));
    exposed
        .map(|warning| warning.into_iter().collect())
        .map_err(|error| vec![format!("assistant.key_file {path}: {error}")])
}

#[cfg(not(feature = "backend"))]
pub(super) fn inspect(config: &Config) -> Result<Vec<String>, Vec<String>> {
    if config.backend.url.is_empty() {
        return if config.assistant.url.is_empty() || !has_storage(config) {
            Ok(Vec::new())
        } else {
            Err(vec![NO_MODEL.to_owned()])
        };
    }
    backend_app(config).map(|_| Vec::new()).map_err(|fault| vec![fault])
}

/// Checks the database of the recipe chat, if that is configured, and describes it.
#[cfg(feature = "recipes")]
pub(super) fn inspect_storage(config: &Config) -> Result<Option<String>, StorageError> {
    if !has_storage(config) {
        return Ok(None);
    }
    let state = match inspect_database(Path::new(&config.data))? {
        DatabaseState::Missing => "will be created".to_owned(),
        DatabaseState::InUse { process } => format!("in use by the server with id {process}"),
        DatabaseState::Usable => "can be opened".to_owned(),
    };
    Ok(Some(format!("Database of the recipe chat: {state}")))
}

#[cfg(not(feature = "recipes"))]
pub(super) fn inspect_storage(_config: &Config) -> Result<Option<String>, String> {
    Ok(None)
}

impl Background {
    /// The same, with rooms that are what they were in the next process, or not.
    fn outliving(mut self, outlives_process: bool) -> Self {
        self.outlives_process = outlives_process;
        self
    }

    /// Starts the background work, which answers through the server's handle.
    #[cfg_attr(
        not(all(feature = "backend", feature = "recipes")),
        expect(unused_variables, reason = "it serves no other nodes")
    )]
    pub(super) fn start(
        self,
        config: &Config,
        server: &mut Server,
    ) -> Result<BackgroundThreads, String> {
        let handle = server.handle();
        #[cfg(feature = "recipes")]
        if let Some(counters) = self.counters {
            server.add_probe(Arc::new(move || counters.read()));
        }
        #[cfg(feature = "recipes")]
        if let Some(completions) = self.completions {
            let handle = handle.clone();
            completions.connect(move |done| {
                handle.complete(done.ticket, done.outcome);
            });
        }
        #[cfg(feature = "backend")]
        {
            if let Some(model) = self.model {
                let asked = model.clone();
                server.add_dependency(Arc::new(move |_| asked.dependency()));
                server.add_probe(Arc::new(move || model.readings()));
            }
            let start = |threads: backend::Threads| threads.start(handle);
            let backend = self.threads.map(start).transpose();
            let backend =
                backend.map_err(|error| format!("cannot start the backend's threads: {error}"))?;
            #[cfg(feature = "recipes")]
            let served = self.served.map(|served| served.start(config, server)).transpose()?;
            #[cfg(not(feature = "recipes"))]
            let served = None;
            Ok(BackgroundThreads { backend, served })
        }
        #[cfg(not(feature = "backend"))]
        {
            drop(handle);
            Ok(BackgroundThreads {})
        }
    }
}

impl BackgroundThreads {
    /// The handles through which a reload reaches the background threads.
    pub(super) fn reload_targets(&self) -> ReloadTargets {
        ReloadTargets {
            #[cfg(feature = "backend")]
            backend: self.backend.as_ref().map(backend::RunningThreads::control),
            #[cfg(feature = "backend")]
            served: self.served.clone(),
        }
    }

    /// Stops the background threads, after the server has stopped.
    pub(super) fn finish(self) {
        #[cfg(feature = "backend")]
        if let Some(backend) = self.backend {
            let counts = backend.counts();
            if !backend.finish(LAST_LEAVES) {
                log::warn!("some /leave calls were not made before the shutdown");
            }
            log::info!("backend calls: {counts}");
        }
    }
}

/// Applies a reloaded configuration to the background threads.
#[derive(Debug)]
pub(super) struct ReloadTargets {
    #[cfg(feature = "backend")]
    backend: Option<backend::Control>,
    #[cfg(feature = "backend")]
    served: Option<SharedSecret>,
}

impl ReloadTargets {
    /// Reads what of a reloaded configuration is in files.
    ///
    /// # Errors
    /// One line that names the file and the fault. Nothing has changed.
    #[cfg_attr(
        not(feature = "backend"),
        expect(unused_variables, clippy::unnecessary_wraps, reason = "nothing runs")
    )]
    pub(super) fn prepare(&self, config: &Config) -> Result<Prepared, String> {
        Ok(Prepared {
            #[cfg(feature = "backend")]
            backend: (self.backend.is_some() || self.served.is_some())
                .then(|| PreparedBackend::read(config))
                .transpose()?,
        })
    }

    /// Applies the settings that can change at run time.
    #[cfg_attr(not(feature = "backend"), expect(unused_variables, reason = "nothing runs"))]
    pub(super) fn apply(&self, config: &Config, prepared: Prepared) {
        #[cfg(feature = "backend")]
        if let Some(PreparedBackend { tls, secret, warnings }) = prepared.backend {
            for warning in warnings {
                log::warn!("{warning}");
            }
            if let (Some(served), Some(secret)) = (&self.served, &secret) {
                *served.write().unwrap_or_else(PoisonError::into_inner) = secret.clone();
            }
            if let Some(backend) = &self.backend {
                backend.set_timeout(config.backend.timeout.get());
                backend.set_tls(tls);
                backend.set_secret(secret);
            }
        }
    }
}

/// What [`ReloadTargets::prepare`] has read.
#[derive(Debug)]
pub(super) struct Prepared {
    #[cfg(feature = "backend")]
    backend: Option<PreparedBackend>,
}

#[cfg(feature = "backend")]
#[derive(Debug)]
struct PreparedBackend {
    tls: net::ClientTls,
    secret: Option<backend::SigningSecret>,
    warnings: Vec<String>,
}

#[cfg(feature = "backend")]
impl PreparedBackend {
    fn read(config: &Config) -> Result<Self, String> {
        let warnings = inspect(config).map_err(|faults| faults.join("; "))?;
        let tls = backend::client_tls(&config.backend).map_err(|error| error.to_string())?;
        let secret = backend::signing_secret(&config.backend).map_err(|error| error.to_string())?;
        Ok(Self { tls, secret, warnings })
    }
}
