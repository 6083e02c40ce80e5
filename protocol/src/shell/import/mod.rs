//! `import`: stores what is in a file.

mod dotenv;
mod entries;
mod file;

use super::only_reads::PIPE;
use crate::backend::Manage;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::watchdog::Watchdog;
pub(super) use file::FileArgs;

/// What `import` is to do.
#[derive(Debug)]
pub(super) enum ImportArgs {
    File(FileArgs),
}

impl ImportArgs {
    pub(super) fn reads_stdin(&self) -> bool {
        matches!(self, Self::File(args) if args.file == PIPE)
    }
}

/// Imports.
pub(super) fn import<B: Manage>(settings: &Settings, args: &ImportArgs, watchdog: &Watchdog) -> Exit {
    match args {
        ImportArgs::File(args) => file::import_file::<B>(settings, args, watchdog),
    }
}
