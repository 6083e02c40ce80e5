//! `import --from FILE`: moves the credentials of a gateway's files into the store. It writes a plan for the gateway, which
//! then replaces them by references itself. The files of the gateway stay as they are.

mod choose;
mod found;
pub(super) mod plan;
mod put;
mod sources;

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use super::super::output::{explain, fail, print, print_note};
use super::super::session_task::OUTPUT_TIMEOUT;
use super::super::snippet::{self, SnippetArgs};
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::gateway::{CredentialFields, Form};
use crate::secret::Secret;
use crate::settings::{Flags, Settings};
use crate::shell::change::Target;
use crate::shell::oddity::oddity;
use crate::text::{plural, printable, shell_word};
use crate::watchdog::Watchdog;
use choose::choose;
use found::{Content, Found};
use plan::PlanFile;
pub(super) use put::read_all;
use put::{Stored, put_all};
use sources::Sources;

/// The arguments of `import --from`.
#[derive(Debug)]
pub(in crate::shell) struct FromArgs {
    pub(in crate::shell) files: Vec<String>,
    /// Whether to replace another value that the store has.
    pub(in crate::shell) force: bool,
    /// The fields and variables to import; all credentials if there are none.
    pub(in crate::shell) only: Vec<String>,
    /// The fields and variables to leave out.
    pub(in crate::shell) except: Vec<String>,
    /// The folder of the new ids.
    pub(in crate::shell) prefix: String,
    /// The file of the plan. Without one, nothing is stored.
    pub(in crate::shell) plan: Option<PathBuf>,
    /// The name of the provider, if one was given.
    pub(in crate::shell) alias: Option<String>,
}

/// A credential that is imported, and its id.
struct Chosen<'f> {
    found: &'f Found,
    value: &'f Secret,
    id: String,
}

/// Shows what would be stored under which id; with `--plan` stores it and writes the plan.
pub(super) fn import_from<B: Manage>(
    settings: &Settings,
    flags: &Flags,
    args: &FromArgs,
    watchdog: &Watchdog,
) -> Exit {
    let fields = CredentialFields::read();
    let prepared = Sources::read(&args.files, &fields).and_then(|sources| {
        check_names(&sources.found, args)?;
        let plan = provider_plan::<B>(settings, flags, args, &sources)?;
        Ok((sources, plan))
    });
    let (sources, plan) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => return fail(None, &failure),
    };
    let chosen = choose::<B>(&sources.found, args);
    note_the_rest(&sources, &chosen, args);
    match &args.plan {
        Some(path) => import::<B>(settings, &sources, &chosen, plan, (path, args), watchdog),
        None => show::<B>(settings, &chosen, &fields, watchdog),
    }
}

/// Returns the names of the credentials that a file has in plaintext.
pub(super) fn plaintext_of(file: &str, fields: &CredentialFields) -> Result<Vec<String>, Failure> {
    let found = Sources::read(&[file.to_owned()], fields)?.found;
    let is_plain = |found: &Found| matches!(found.content, Content::Plain(_) | Content::Stays(_));
    Ok(found.into_iter().filter(is_plain).map(|found| found.name).collect())
}

impl FromArgs {
    /// Whether a person has named a field or variable with `--only`, or a part of the config that it is in.
    fn names(&self, found: &Found) -> bool {
        self.only.iter().any(|name| is_in(found, name))
    }

    /// Whether a person wants it, if it is a credential.
    fn takes(&self, found: &Found) -> bool {
        (self.only.is_empty() || self.names(found)) && !self.except.iter().any(|name| is_in(found, name))
    }
}

/// Whether a field is this one, or is below this part of a config.
fn is_in(found: &Found, name: &str) -> bool {
    is_below(&found.name, name)
}

fn is_below(path: &str, name: &str) -> bool {
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Fails if a name of `--only` or `--except` is not in the files.
fn check_names(found: &[Found], args: &FromArgs) -> Result<(), Failure> {
    let is_absent = |name: &&String| !found.iter().any(|found| is_in(found, name));
    let absent = args.only.iter().chain(&args.except).find(is_absent);
    absent.map_or(Ok(()), |absent| {
        let what = format!("no file has a credential field or variable {absent}");
        Err(Failure::misconfigured(
            what,
            "run it without --only and --except to see the names; nothing was stored",
        ))
    })
}

/// Returns the plan without its targets. The provider is left out if the config has it: it can start a profile that may only
/// read, while this one may write.
fn provider_plan<B: Manage>(
    settings: &Settings,
    flags: &Flags,
    args: &FromArgs,
    sources: &Sources,
) -> Result<(String, Value), Failure> {
    let snippet = SnippetArgs { form: Form::Plan, alias: args.alias.clone(), has_credentials: false };
    let (command, text) = snippet::block::<B>(settings, flags, &snippet, None)?;
    snippet::warn_if_refused(&command, settings.uid());
    let mut plan: Value = serde_json::from_str(&text).map_err(|_| Failure::internal("a plan is not JSON"))?;
    let alias = plan["providerUpserts"].as_object().and_then(|blocks| blocks.keys().next().cloned());
    let alias = alias.ok_or_else(|| Failure::internal("a plan without a provider"))?;
    match sources.commands.iter().find(|(name, _)| *name == alias) {
        None => {}
        Some((_, there)) if args.alias.is_some() || *there == command.display().to_string() => {
            plan["providerUpserts"] = serde_json::json!({});
        }
        Some(_) => {
            let what = format!("the config has another provider with the name {alias}");
            let remedy = format!("add --alias {alias} to use that provider as it is, or choose another name");
            return Err(Failure::misconfigured(what, remedy));
        }
    }
    Ok((alias, plan))
}

/// Names what is not imported, and why.
fn note_the_rest(sources: &Sources, chosen: &[Chosen<'_>], args: &FromArgs) {
    let has_variable = |variable: &String| {
        chosen.iter().any(|chosen| chosen.found.target.is_none() && chosen.found.name == *variable)
    };
    for found in sources.found.iter().filter(|found| args.takes(found)) {
        let name = &found.name;
        match &found.content {
            Content::Left(_)
                if found.target.is_some() && found.variable.as_ref().is_some_and(has_variable) => {}
            Content::Stays(why) => {
                print_note(printable(format!("left: {name} {why}: its plaintext stays")));
            }
            Content::Left(why) => print_note(printable(format!("left: {name} {why}"))),
            Content::Doubtful(_, why) if chosen.iter().all(|chosen| !std::ptr::eq(chosen.found, found)) => {
                print_note(printable(format!("left: {name} {why}; --only {name} imports it")));
            }
            _ => {}
        }
    }
    if sources.includes {
        print_note("the config includes other files, which are not read here: name them with --from");
    }
}

/// Prints what would be stored, and checks that the store can write each id.
fn show<B: Manage>(
    settings: &Settings,
    chosen: &[Chosen<'_>],
    fields: &CredentialFields,
    watchdog: &Watchdog,
) -> Exit {
    let deadline = Deadline::new(Instant::now(), OUTPUT_TIMEOUT);
    watchdog.move_to(deadline);
    let backend = match crate::answer::configure::<B>(settings) {
        Ok(backend) => backend,
        Err(failure) => return fail(None, &failure),
    };
    let widest = chosen.iter().map(|chosen| chosen.found.name.chars().count()).max().unwrap_or(0);
    let line = |chosen: &Chosen<'_>| {
        let odd = oddity(chosen.value.expose()).map(|odd| format!("; the value {odd}")).unwrap_or_default();
        printable(format!("{:widest$}  {}{odd}", chosen.found.name, chosen.id)) + "\n"
    };
    let cut = print(&chosen.iter().map(line).collect::<String>(), deadline);
    let mut exit = Exit::Done;
    for Chosen { id, .. } in chosen {
        if let Err(failure) = Target::to_write(&backend, settings, id) {
            explain(Some(id), &with_hint(failure.clone()));
            exit = Exit::from_failure(&failure);
        }
    }
    let (count, version) = (chosen.len(), &fields.version);
    print_note(format!(
        "{count} credential{} in the fields that OpenClaw {version} documents; nothing was stored: add --plan plan.json to store {}",
        plural(count),
        if count == 1 { "it" } else { "them" },
    ));
    cut.unwrap_or(exit)
}

/// Adds what to do about an id that the gateway's own profile does not allow.
fn with_hint(failure: Failure) -> Failure {
    match failure.kind() {
        Kind::NotAllowed => failure
            .hint("or import with a profile without `allow`, and name the gateway's provider with --alias"),
        _ => failure,
    }
}

/// Stores the credentials, and writes the plan of those that the store has.
fn import<B: Manage>(
    settings: &Settings,
    sources: &Sources,
    chosen: &[Chosen<'_>],
    (alias, mut plan): (String, Value),
    (path, args): (&Path, &FromArgs),
    watchdog: &Watchdog,
) -> Exit {
    let file = PlanFile::new(path, B::STORE.binary, settings.uid());
    let file = match file.and_then(|file| file.check(&plan).map(|()| file)) {
        Ok(file) => file,
        Err(failure) => return fail(None, &failure),
    };
    let Stored { is_there, new, exit } = put_all::<B>(settings, chosen, args.force, watchdog);
    watchdog.move_to(Deadline::new(Instant::now(), OUTPUT_TIMEOUT));
    let there = || chosen.iter().zip(&is_there).filter(|(_, is_there)| **is_there).map(|(chosen, _)| chosen);
    let targets: Vec<_> = there().flat_map(|chosen| targets(sources, chosen, &alias, args)).collect();
    let count = there().count();
    print_note(format!("stored {new}, and had {} already, of {}", count - new, chosen.len()));
    if count == 0 {
        return exit;
    }
    let fields = targets.len();
    plan["targets"] = Value::from(targets);
    plan[plan::IMPORTED] = there().map(|chosen| chosen.id.clone()).collect();
    if let Err(failure) = file.write(plan, &args.except) {
        return fail(None, &failure);
    }
    let path = path.display().to_string();
    let word = shell_word(&path);
    let next = match exit {
        Exit::Done => format!("openclaw secrets apply --from {word} --allow-exec"),
        _ => "mend what failed, and run this again: the fields that failed are not in the plan, and stay plaintext".to_owned(),
    };
    print_note(match fields {
        0 => format!("wrote {path}, for `import --residue --plan {word}`; no field gets a reference"),
        _ => format!("wrote {path}, which gives {fields} field{} a reference\nnext: {next}", plural(fields)),
    });
    exit
}

/// Returns the targets that get the id of a credential: its own field, or those that refer to it as a variable.
fn targets(sources: &Sources, chosen: &Chosen<'_>, alias: &str, args: &FromArgs) -> Vec<Value> {
    let Chosen { found, id, .. } = chosen;
    let of = |found: &Found| found.target.as_ref().map(|target| plan::target(target, alias, id));
    if let Some(own) = of(found) {
        return vec![own];
    }
    let is_left_out = |other: &Found| args.except.iter().any(|name| is_in(other, name));
    let refers = |other: &&Found| other.variable.as_ref() == Some(&found.name) && !is_left_out(other);
    let targets: Vec<_> = sources.found.iter().filter(refers).filter_map(of).collect();
    if targets.is_empty() {
        print_note(printable(format!(
            "no field refers to {0}: give one the id {id} before you remove {0} from its file: openclaw config set FIELD --ref-source exec --ref-provider {alias} --ref-id {id}",
            found.name
        )));
    }
    targets
}
