//! What to do about a file of the data directory that cannot be opened.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The end of a sentence about `error`, which opening `path` has caused; empty where nobody can tell.
pub(super) fn advice(path: &Path, error: &(dyn Error + Send + Sync + 'static)) -> String {
    let Some(error) = error.downcast_ref::<io::Error>() else { return String::new() };
    match error.kind() {
        ErrorKind::PermissionDenied => {
            // Of the file, or of the nearest directory that shows who may write there.
            let found = path.ancestors().find_map(|path| path.metadata().ok());
            let (owner, mode) = found.map_or((0, 0), |it| (it.uid(), it.mode() & 0o7777));
            let own = rustix::process::geteuid().as_raw();
            format!(
                ": it belongs to user {owner}, with the mode {mode:04o}, and the server runs as user \
                 {own}: change that, or set `data` to another directory"
            )
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            ": `data` must name a directory".to_owned()
        }
        ErrorKind::IsADirectory => ": move that directory away".to_owned(),
        ErrorKind::NotFound | ErrorKind::ReadOnlyFilesystem | ErrorKind::StorageFull => {
            ": set `data` to a writable directory".to_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ScratchDir;

    #[test]
    fn what_to_do_depends_on_the_cause() {
        let scratch = ScratchDir::new();
        let file = scratch.path().join("recipes.db");
        let fault = |kind: ErrorKind| advice(&file, &io::Error::from(kind));
        let denied = fault(ErrorKind::PermissionDenied);
        let owner = scratch.path().metadata().unwrap().uid();
        assert!(
            denied.contains(&format!(": it belongs to user {owner}, with the mode 0")),
            "{denied}"
        );
        assert_eq!(fault(ErrorKind::IsADirectory), ": move that directory away");
        assert!(fault(ErrorKind::StorageFull).ends_with(": set `data` to a writable directory"));
        assert_eq!(fault(ErrorKind::Interrupted), "");
        assert_eq!(advice(&file, &std::fmt::Error), "", "that is not the system's");
    }
}
