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
    if !config.recipes.listen.is_empty() {
        let refusal = if !has_storage(config) {
            Some(NO_RECIPES_TO_SERVE)
        } else if !config.cluster.is_on() {
            Some(NO_OTHER_NODES)
        } else if cfg!(not(feature = "backend")) {
            Some(NO_CALLS)
        } else {
            None
        };
        return refusal;
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
                                 node. On that node, set recipes.listen; on the others, set \
                                 backend.url to that address (docs/cluster.md, \"The recipe chat on \
                                 several nodes\"). Otherwise run one server, without [cluster], and a \
                                 standby if you need one (docs/operations.md); or run `serve --app \
                                 memory-open`, which keeps nothing";
const NO_RECIPES_TO_SERVE: &str = "recipes.listen: this node asks another application, so it has no \
                                   recipes that others could ask for. Remove recipes.listen here; it \
                                   belongs to the one node without backend.url (docs/cluster.md)";
const NO_OTHER_NODES: &str = "recipes.listen: only the other nodes of a cluster ask there. Set \
                              cluster.url, the same as theirs, or remove recipes.listen";
const NO_CALLS: &str = "recipes.listen: this program was built without the feature `backend`";
const NO_SHARED_OWNERS: &str = "cluster.url: `--app memory` lets each node find another owner of a \
                                room. Set backend.url to an application that all nodes ask \
                                (docs/backend.md), or run `serve --app memory-open`, whose rooms \
                                are open to every user";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_of_one_node_refuse_a_cluster() {
        let refusal = |app: &str| {
            let mut config = Config { app: app.to_owned(), ..Config::default() };
            config.cluster.url = "redis://127.0.0.1".to_owned();
            refusal(&config).unwrap_or_default()
        };
        #[cfg(feature = "recipes")]
        assert!(refusal("auto").contains("On that node, set recipes.listen"));
        assert!(refusal("memory").contains("memory-open"));
        assert_eq!(refusal("memory-open"), "");
    }

    #[cfg(all(feature = "backend", feature = "recipes"))]
    #[test]
    fn only_the_owner_in_a_cluster_serves_recipes() {
        let refusal = |cluster: &str, url: &str| {
            let mut config = Config::default();
            config.recipes.listen = "127.0.0.1:0".to_owned();
            config.cluster.url = cluster.to_owned();
            config.backend.url = url.to_owned();
            refusal(&config).unwrap_or_default()
        };
        assert_eq!(refusal("redis://127.0.0.1", ""), "");
        assert!(refusal("", "").contains("Set cluster.url"));
        let text = refusal("redis://127.0.0.1", "http://127.0.0.1:1");
        assert!(text.contains("Remove recipes.listen here"), "{text}");
    }

    #[cfg(feature = "recipes")]
    #[test]
    fn moderated_recipe_chat_is_refused() {
        let refusal = |app: &str, url: &str| {
            let mut config = Config { app: app.to_owned(), ..Config::default() };
            config.backend.moderate = true;
            config.backend.url = url.to_owned();
            refusal(&config).unwrap_or_default()
        };
        for (app, url) in [("auto", ""), ("recipes", ""), ("recipes", "http://127.0.0.1:1")] {
            let text = refusal(app, url);
            assert!(text.starts_with("backend.moderate: ") && text.contains("`app`"), "{text}");
        }
        assert_eq!(refusal("auto", "http://127.0.0.1:1"), "");
        assert_eq!(refusal("memory", ""), "");
    }
}
