//! The arguments of `import`.

use clap::{Arg, ArgAction, ArgMatches};

use crate::shell::import::{FileArgs, ImportArgs};

/// Returns the arguments.
pub(super) fn args() -> Vec<Arg> {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    vec![
        Arg::new("FILE")
            .required(true)
            .help("a file of NAME=value lines, or a JSON object of names and values; - for stdin"),
        switch("dry-run", "print what would be stored, and store nothing"),
        only("import only this NAME; can be repeated, or a list with commas"),
        prefix(),
    ]
}

fn only(help: &'static str) -> Arg {
    Arg::new("only").long("only").value_name("NAME").action(ArgAction::Append).value_delimiter(',').help(help)
}

fn prefix() -> Arg {
    Arg::new("prefix").long("prefix").value_name("TEXT").help("put TEXT before each name, such as openclaw/")
}

/// Reads the arguments.
pub(super) fn read(inner: &ArgMatches) -> ImportArgs {
    let one = |key: &str| inner.get_one::<String>(key).cloned();
    let many = |key: &str| inner.get_many(key).into_iter().flatten().cloned().collect();
    ImportArgs::File(FileArgs {
        file: one("FILE").unwrap_or_default(),
        dry_run: inner.get_flag("dry-run"),
        only: many("only"),
        prefix: one("prefix").unwrap_or_default(),
    })
}
