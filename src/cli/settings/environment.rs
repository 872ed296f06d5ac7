//! The environment: `VESTIBULE_` and the path in capitals, its dots as `__`.

use std::ffi::OsString;

use super::layers::{self, Layers, SettingOrigin};

const PREFIX: &str = "VESTIBULE_";

/// Sets what the variables name; the others of our prefix are faults.
pub(super) fn read(variables: impl Iterator<Item = (OsString, OsString)>, layers: &mut Layers) {
    let mut ours: Vec<(String, OsString)> = variables
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    ours.sort();
    for (name, value) in ours {
        let known = layers.known.keys().find(|path| variable(path) == name).cloned();
        match (known, value.into_string()) {
            (Some(path), Ok(text)) => layers.set_text(&path, &text, SettingOrigin::Variable(name)),
            (Some(_), Err(_)) => layers.faults.push(format!("{name}: its value is not UTF-8")),
            (None, _) if layers.has_section(&path_of(&name)) => {
                let problem = format!("it is a section: set its keys, as {name}__KEY");
                layers.faults.push(format!("{name}: {problem}"));
            }
            (None, _) => {
                let hint = match hint(&name, layers) {
                    hint if hint.is_empty() && is_of_kubernetes(&name) => {
                        "; Kubernetes sets it for a Service: write enableServiceLinks: false"
                            .to_owned()
                    }
                    hint => hint,
                };
                layers.faults.push(format!("{name}: unknown variable{hint}"));
            }
        }
    }
}

/// Whether a name is one that Kubernetes gives the containers of a pod beside a Service `vestibule`.
fn is_of_kubernetes(name: &str) -> bool {
    name.starts_with("VESTIBULE_PORT") || name.starts_with("VESTIBULE_SERVICE_")
}

fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.to_ascii_uppercase().replace('.', "__"))
}

/// The path that a variable of our prefix names.
fn path_of(name: &str) -> String {
    name.strip_prefix(PREFIX).unwrap_or_default().to_ascii_lowercase().replace("__", ".")
}

/// The variables that may have been meant, if there are any.
fn hint(name: &str, layers: &Layers) -> String {
    let known = layers.known.keys().map(String::as_str);
    layers::hint(layers::near(&path_of(name), known).into_iter().map(variable))
}
