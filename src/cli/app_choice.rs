//! Which application is configured, and why it cannot run.

use vestibule::Config;

/// Why the configured application cannot run.
pub(super) fn refusal(config: &Config) -> Option<&'static str> {
    if config.app == "recipes" && cfg!(not(feature = "recipes")) {
        return Some("app: this program was built without the feature `recipes`");
    }
    if config.backend.moderate && has_storage(config) {
        return Some(NO_MODERATED_RECIPES);
    }
    if is_backend(config) || config.app == "memory-open" || !config.cluster.is_on() {
        return None;
    }
    Some(if has_storage(config) { NO_SHARED_RECIPES } else { NO_SHARED_OWNERS })
}

/// Does the configured application need the data directory?
pub(super) fn has_storage(config: &Config) -> bool {
    let is_named = config.app == "recipes" || config.app == "auto" && config.backend.url.is_empty();
    cfg!(feature = "recipes") && is_named
}

pub(super) fn is_backend(config: &Config) -> bool {
    config.app == "auto" && !config.backend.url.is_empty()
}

const NO_MODERATED_RECIPES: &str = "backend.moderate: the recipe chat (`app` = `auto` without \
                                    backend.url, or `recipes`) shows a message as it was sent, once \
                                    it is stored, and asks no backend about it. Remove \
                                    backend.moderate, or set backend.url and leave `app` at `auto`";
const NO_SHARED_RECIPES: &str = "cluster.url: the recipe chat keeps its recipes in a file of one \
                                 node, and other nodes cannot ask it. For recipes, run one server, \
                                 without [cluster], and a standby if you need one \
                                 (docs/operations.md). For several nodes, set backend.url to an \
                                 application that all of them ask (docs/backend.md), or run `serve \
                                 --app memory-open`, which keeps nothing";
const NO_SHARED_OWNERS: &str = "cluster.url: `--app memory` lets each node find another owner of a \
                                room. Set backend.url to an application that all nodes ask \
                                (docs/backend.md), or run `serve --app memory-open`, whose rooms \
                                are open to every user";
