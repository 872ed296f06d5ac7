//! The description of the HTTP API, as the server shows it.

use crate::node::Response;

/// `docs/openapi.yaml` as JSON. It is written from that by the test `schema`, which also fails where the
/// two differ.
const DOCUMENT: &str = include_str!("../../docs/openapi.json");

/// `/openapi.json`.
pub(super) fn response() -> Response {
    Response::new(200, "application/json", DOCUMENT.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::node::Method;
    use crate::recipes::http::RecipeRoute;

    const METHODS: [(&str, Method); 5] = [
        ("get", Method::Get),
        ("post", Method::Post),
        ("put", Method::Put),
        ("patch", Method::Patch),
        ("delete", Method::Delete),
    ];

    /// The parameters of an operation's query.
    fn query(document: &Value, operation: &Value) -> BTreeSet<String> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let found = parameters.map(|parameter| match parameter["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => parameter,
        });
        let found = found.filter(|parameter| parameter["in"] == "query");
        found.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Of each path: which methods with which parameters it takes, by the document.
    #[test]
    fn described_paths_are_those_that_are_served() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut described = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            let is_ours = METHODS.iter().any(|(name, _)| {
                let tags = item[name]["tags"].as_array();
                tags.is_some_and(|tags| tags.contains(&"recipes".into()))
            });
            if !is_ours {
                continue;
            }
            described += 1;
            let path = path.replace("{id}", "abc").replace("{member}", "def");
            let route = RecipeRoute::of(&path).unwrap_or_else(|| panic!("{path}"));
            for (name, method) in METHODS {
                let operation = &item[name];
                match route.check(method) {
                    Ok(taken) => {
                        let taken = taken.iter().map(|&name| name.to_owned()).collect();
                        assert!(!operation.is_null(), "{name} {path} is not described");
                        assert_eq!(query(&document, operation), taken, "{name} {path}");
                    }
                    Err(_) => assert!(operation.is_null(), "{name} {path} is not served"),
                }
            }
        }
        // Those of `RecipeRoute`, with the calls of accounts one by one.
        assert_eq!(described, 20);
    }
}
