//! The arguments of `import`.

use clap::{Arg, ArgAction, ArgMatches};

use crate::shell::import::{FileArgs, FromArgs, ImportArgs};

/// The file of a plan if none is named.
const PLAN: &str = "secretref-plan.json";

/// Returns the arguments.
pub(super) fn args() -> Vec<Arg> {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    vec![
        Arg::new("FILE")
            .required_unless_present("from")
            .conflicts_with("from")
            .help("a file of NAME=value lines, or a JSON object of names and values; - for stdin"),
        switch("dry-run", "print what would be stored, and store nothing"),
        only("import only this NAME; can be repeated, or a list with commas"),
        prefix(),
        Arg::new("from").long("from").value_name("FILE").action(ArgAction::Append).help(
            "move the credentials of openclaw.json, .env or auth-profiles.json; shows them, without --yes",
        ),
        Arg::new("except")
            .long("except")
            .value_name("NAME")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .requires("from")
            .help("leave out this field or variable, or all fields below it"),
        switch("yes", "store them, and write a plan for `openclaw secrets apply`")
            .requires("from")
            .conflicts_with("dry-run"),
        switch("force", "replace another value that the store has under an id").requires("from"),
        Arg::new("plan")
            .long("plan")
            .value_name("FILE")
            .requires("from")
            .help("the file of the plan; default: secretref-plan.json"),
        Arg::new("alias")
            .long("alias")
            .value_name("NAME")
            .requires("from")
            .help("the name of the provider; default: the name of the profile's file"),
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
    if !files.is_empty() {
        return ImportArgs::From(FromArgs {
            files,
            yes: inner.get_flag("yes"),
            force: inner.get_flag("force"),
            only,
            except: many("except"),
            prefix,
            plan: one("plan").unwrap_or_else(|| PLAN.to_owned()).into(),
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
