//! The arguments of `import`.

use clap::{Arg, ArgAction, ArgMatches};

use crate::shell::import::{FileArgs, FromArgs, ImportArgs, ResidueArgs};

/// Returns the arguments.
pub(super) fn args() -> Vec<Arg> {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    vec![
        Arg::new("FILE")
            .required_unless_present_any(["from", "residue"])
            .conflicts_with("from")
            .num_args(0..)
            .help("NAME=value lines, or a JSON object of names and values; - for stdin"),
        switch("dry-run", "print what would be stored, and store nothing"),
        only("only this NAME, or all fields below it; repeat it, or use commas"),
        prefix(),
        Arg::new("from")
            .long("from")
            .value_name("FILE")
            .action(ArgAction::Append)
            .help("show the credentials in openclaw.json, .env or auth-profiles.json"),
        Arg::new("except")
            .long("except")
            .value_name("NAME")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .requires("from")
            .help("leave out this NAME, or all fields below it"),
        switch("force", "replace another value that the store has under an id").requires("from"),
        Arg::new("plan")
            .long("plan")
            .value_name("FILE")
            .conflicts_with("dry-run")
            .help("store them, and write a plan for `openclaw secrets apply`"),
        Arg::new("alias")
            .long("alias")
            .value_name("NAME")
            .requires("from")
            .help("the provider in the plan; default: the name of the profile's file"),
        switch("residue", "find values of the store in the gateway's files and in each FILE")
            .conflicts_with_all(["from", "dry-run", "prefix"]),
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
    let (only, prefix) = (many("only"), one("prefix").unwrap_or_default());
    let files: Vec<String> = many("from");
    if inner.get_flag("residue") {
        return ImportArgs::Residue(ResidueArgs {
            paths: many("FILE"),
            plan: one("plan").map(Into::into),
            only,
        });
    }
    if !files.is_empty() {
        return ImportArgs::From(FromArgs {
            files,
            force: inner.get_flag("force"),
            only,
            except: many("except"),
            prefix,
            plan: one("plan").map(Into::into),
            alias: one("alias"),
        });
    }
    ImportArgs::File(FileArgs {
        file: one("FILE").unwrap_or_default(),
        dry_run: inner.get_flag("dry-run"),
        only,
        prefix,
    })
}
