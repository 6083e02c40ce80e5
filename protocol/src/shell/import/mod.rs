//! `import`: stores what is in a file.

mod dotenv;
mod entries;
mod file;
mod from;
mod residue;

use super::only_reads::PIPE;
use crate::backend::Manage;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::settings::{Flags, Settings};
use crate::watchdog::Watchdog;
pub(super) use file::FileArgs;
pub(super) use from::FromArgs;
pub(super) use residue::ResidueArgs;

/// What `import` is to do.
#[derive(Debug)]
pub(super) enum ImportArgs {
    /// Store the entries of a file.
    File(FileArgs),
    /// Move the credentials of a gateway.
    From(FromArgs),
    /// Look for values of the store in files.
    Residue(ResidueArgs),
}

impl ImportArgs {
    pub(super) fn reads_stdin(&self) -> bool {
        matches!(self, Self::File(args) if args.file == PIPE)
    }
}

/// Imports.
pub(super) fn import<B: Manage>(
    settings: &Settings,
    (flags, environment): (&Flags, &Environment),
    args: &ImportArgs,
    watchdog: &Watchdog,
) -> Exit {
    match args {
        ImportArgs::File(args) => file::import_file::<B>(settings, args, watchdog),
        ImportArgs::From(args) => from::import_from::<B>(settings, flags, args, watchdog),
        ImportArgs::Residue(args) => residue::residue::<B>(settings, args, environment, watchdog),
    }
}
