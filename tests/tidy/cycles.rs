//! No file of `src`, of the page or of the client imports another that needs it in turn.
//!
//! Below the layers this is what keeps a file readable by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::layers::is_test;
use crate::paths::{code, paths};
use crate::{assert_none, tree};

/// A module's path from the crate's root, and the file that it is in.
type Modules = BTreeMap<Vec<String>, String>;
/// A file, and those that it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The module that the file at `path` is: no segments for the library's root.
fn module(path: &str) -> Vec<String> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let segments = path.split('/').map(str::to_owned);
    segments.filter(|segment| segment != "lib").collect()
}

/// The file that `name` leads to, as it is written in the module `here`. What leads to no module of
/// ours is somebody else's.
fn target<'a>(modules: &'a Modules, here: &[String], name: &str) -> Option<&'a String> {
    let mut segments = name.split("::").peekable();
    let mut place = here.to_vec();
    match *segments.peek()? {
        "crate" => {
            segments.next();
            // The binary is a crate of its own.
            place.truncate(usize::from(here.first().is_some_and(|layer| layer == "cli")));
            if !place.is_empty() {
                segments.next_if_eq(&"cli")?;
            }
        }
        "self" => drop(segments.next()),
        "super" => {
            while segments.next_if_eq(&"super").is_some() {
                place.pop()?;
            }
        }
        child => {
            place.push(child.to_owned());
            segments.next();
        }
    }
    let mut file = modules.get(&place);
    for segment in segments {
        place.push(segment.to_owned());
        match modules.get(&place) {
            Some(below) => file = Some(below),
            None => break,
        }
    }
    file
}

/// Who imports whom, without tests.
fn imports(files: &[(String, String)]) -> Imports {
    let files: Vec<_> = files.iter().filter(|(path, _)| !is_test(path)).collect();
    let modules: Modules = files.iter().map(|(path, _)| (module(path), path.clone())).collect();
    let imports = files.iter().map(|(path, text)| {
        let here = module(path);
        let names = paths(&code(text));
        let targets = names.iter().filter_map(|name| target(&modules, &here, name));
        (path.clone(), targets.filter(|file| *file != path).cloned().collect())
    });
    imports.collect()
}

/// Who imports whom in TypeScript: by paths like `./api` or `./client.js`, which leave out the ending or
/// say what is built of the file. An import of types counts.
fn script_imports(files: &[(String, String)]) -> Imports {
    let known: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let imports = files.iter().map(|(path, text)| {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let names = text.split(" from '").skip(1).filter_map(|rest| rest.split('\'').next());
        let names = names.filter_map(|name| name.strip_prefix("./"));
        let names = names.map(|name| name.trim_end_matches(".js"));
        let targets = names.filter_map(|name| {
            let endings = ["ts", "tsx"].map(|ending| format!("{folder}/{name}.{ending}"));
            endings.into_iter().find(|file| known.contains(file.as_str()))
        });
        (path.clone(), targets.collect())
    });
    imports.collect()
}

/// The imports that close a cycle, as they are met from the roots on: without them there is no
/// cycle.
fn closing(imports: &Imports) -> Vec<String> {
    let mut walk = Walk { imports, open: Vec::new(), done: BTreeSet::new(), found: vec![] };
    let roots = ["src/lib.rs", "src/main.rs"];
    for file in roots.into_iter().chain(imports.keys().map(String::as_str)) {
        walk.visit(file);
    }
    walk.found
}

struct Walk<'a> {
    imports: &'a Imports,
    open: Vec<&'a str>,
    done: BTreeSet<&'a str>,
    found: Vec<String>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, file: &'a str) {
        if self.done.contains(file) {
            return;
        }
        self.open.push(file);
        let mut targets: Vec<_> = self.imports.get(file).into_iter().flatten().collect();
        // What a folder shows comes before what is in it.
        targets.sort_by_key(|to| !to.ends_with("/mod.rs"));
        for to in targets {
            let import = format!("{file} -> {to}");
            if self.open.contains(&to.as_str()) {
                self.found.push(import);
            } else {
                self.visit(to);
            }
        }
        self.open.pop();
        self.done.insert(file);
    }
}

#[test]
fn no_file_imports_what_needs_it() {
    let imports = imports(&tree(&["src"], &[".rs"]));
    assert!(imports.len() > 100 && imports.values().map(BTreeSet::len).sum::<usize>() > 300);
    assert_none(&closing(&imports));
}

#[test]
fn no_script_imports_what_needs_it() {
    for folder in ["page/src", "client/src"] {
        let imports = script_imports(&tree(&[folder], &[".ts", ".tsx"]));
        assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 20, "{folder}: {imports:?}");
        assert_none(&closing(&imports));
    }
}

#[test]
fn a_cycle_of_scripts_is_found() {
    let two = [
        ("page/src/a.ts", "import type { B } from './b';"),
        ("page/src/b.tsx", "import {\n  type A,\n} from './a.js';"),
    ];
    let owned = two.map(|(path, text)| (path.to_owned(), text.to_owned()));
    assert_eq!(closing(&script_imports(&owned)).len(), 1);
}

#[test]
fn a_cycle_is_found_however_it_is_written() {
    let graph = |files: &[(&str, &str)]| {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        imports(&files.iter().map(owned).collect::<Vec<_>>())
    };
    let two = graph(&[("src/a.rs", "use crate::b::B;"), ("src/b.rs", "use crate::{a::A, c};")]);
    assert_eq!(closing(&two).len(), 1);
    let family = [("src/a/mod.rs", "mod b;\nuse b::B;"), ("src/a/b.rs", "fn f(a: super::A) {}")];
    assert_eq!(closing(&graph(&family)).len(), 1);
    let nephew = [("src/a.rs", "use self::b::c::C;"), ("src/a/b/c.rs", "use super::super::A;")];
    assert_eq!(closing(&graph(&[&nephew[..], &[("src/a/b.rs", "")]].concat())).len(), 1);
    let tests = [("src/a.rs", "mod tests;"), ("src/a/tests.rs", "use super::*;")];
    assert_eq!(closing(&graph(&tests)), [""; 0]);
}
