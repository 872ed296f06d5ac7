//! `vestibule backup` and `vestibule restore`: copies of the recipe chat's database.

use std::path::{Path, PathBuf};

use vestibule::config::Config;

use super::output::{CommandResult, print};

/// The flags of `vestibule backup` and `vestibule restore`.
#[derive(Debug, clap::Args)]
pub(super) struct CopyArgs {
    /// The copy
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Copies the database to the file.
pub(super) fn backup(args: &CopyArgs, config: &Config) -> CommandResult {
    let copied = vestibule::recipes::backup_database(Path::new(&config.data), &args.file);
    let bytes = copied.map_err(|error| vec![error.to_string()])?;
    print(&format!("{}: {bytes} bytes, found to be sound\n", args.file.display()))
}

/// Puts the file in place of the database.
pub(super) fn restore(args: &CopyArgs, config: &Config) -> CommandResult {
    let restored = vestibule::recipes::restore_database(Path::new(&config.data), &args.file);
    let restored = restored.map_err(|error| vec![error.to_string()])?;
    let kept = restored.kept.map(|kept| format!("; what was there is kept as {}", kept.display()));
    print(&format!("restored {} bytes{}\n", restored.bytes, kept.unwrap_or_default()))
}
