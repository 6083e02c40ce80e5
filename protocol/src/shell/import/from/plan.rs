//! The plan for `openclaw secrets apply`: which fields get a reference. It has ids, and no secret.

use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use serde_json::{Value, json};

use super::found::PlanTarget;
use super::is_below;
use crate::failure::Failure;
use crate::private_files::{Access, Folder, Links, Rules, read};
use crate::system_error::words;

/// The most that the gateway reads of a plan, in MiB.
const LIMIT: u64 = 16;

/// The member with the ids that were imported. The gateway ignores it.
pub(in crate::shell::import) const IMPORTED: &str = "importedIds";

/// The member with the blocks of providers.
const PROVIDERS: &str = "providerUpserts";

/// The member by which a plan of `import` is known.
const AUTHOR: &str = "generatedBy";

/// A file for a plan.
pub(super) struct PlanFile {
    path: PathBuf,
    author: &'static str,
    uid: u32,
    /// The plan of an earlier import, which this one adds to.
    before: Value,
}

impl PlanFile {
    /// Fails if the file exists and `import` has not written it.
    pub(super) fn new(path: &Path, author: &'static str, uid: u32) -> Result<Self, Failure> {
        let rules = Rules { links: Links::Refuse, access: Access::OnlyOwnWriters, uid, limit: LIMIT };
        let before = match read(CWD, path, &rules) {
            Err(problem) if problem.is_missing() => Value::Null,
            Err(problem) => return Err(problem.failure(format!("the plan {}", path.display()), path)),
            Ok((bytes, _)) => serde_json::from_slice(&bytes)
                .ok()
                .filter(is_own)
                .ok_or_else(|| other(path, "is not a plan of `import`"))?,
        };
        let file = Self { path: path.to_owned(), author, uid, before };
        file.folder()?;
        Ok(file)
    }

    fn folder(&self) -> Result<Folder, Failure> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        Folder::open(folder, Links::Follow, Access::NotWorldWritable, self.uid).map_err(|problem| {
            problem
                .failure(format!("the folder {} of the plan", folder.display()), folder)
                .hint("or name another file with --plan")
        })
    }

    /// Fails if the plan of an earlier import is about another profile.
    pub(super) fn check(&self, plan: &Value) -> Result<(), Failure> {
        let blocks = |plan: &Value| plan[PROVIDERS].as_object().cloned().unwrap_or_default();
        let (ours, theirs) = (blocks(plan), blocks(&self.before));
        let is_other = |(name, block): (&String, &Value)| ours.get(name).is_some_and(|own| own != block);
        if theirs.iter().any(is_other) {
            return Err(other(&self.path, "is a plan for another profile"));
        }
        Ok(())
    }

    /// Writes the plan as a whole, so that only its user can read it. It keeps what an earlier
    /// import has put there, apart from the fields that a person leaves out now.
    pub(super) fn write(&self, mut plan: Value, except: &[String]) -> Result<(), Failure> {
        plan[AUTHOR] = json!(self.author);
        keep(&self.before, &mut plan, except);
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder = self.folder()?;
        let text = format!("{plan:#}\n");
        folder.replace_file(name, text.as_bytes(), None).map_err(|error| {
            let what = format!("the plan {} cannot be written ({})", self.path.display(), words(&error));
            Failure::misconfigured(what, "name another file with --plan, and run this again")
        })
    }
}

fn is_own(plan: &Value) -> bool {
    plan[AUTHOR].as_str().is_some_and(|author| author.starts_with("secretref-"))
}

fn other(path: &Path, why: &str) -> Failure {
    let what = format!("{} exists, and {why}", path.display());
    Failure::misconfigured(what, "name another file with --plan")
}

/// Puts what an earlier plan has for other fields, and its ids, before what the new one has.
fn keep(before: &Value, plan: &mut Value, except: &[String]) {
    let field = |target: &Value| (target["pathSegments"].clone(), target["agentId"].clone());
    let items = |plan: &Value, key: &str| plan[key].as_array().cloned().unwrap_or_default();
    let (targets, ids) = (items(plan, "targets"), items(plan, IMPORTED));
    let is_left_out =
        |old: &Value| except.iter().any(|name| is_below(old["path"].as_str().unwrap_or_default(), name));
    let is_old = |old: &Value| targets.iter().all(|new| field(new) != field(old)) && !is_left_out(old);
    let old_targets = items(before, "targets").into_iter().filter(is_old);
    plan["targets"] = old_targets.chain(targets.clone()).collect();
    let old_ids = items(before, IMPORTED).into_iter().filter(|old| !ids.contains(old));
    plan[IMPORTED] = old_ids.chain(ids.clone()).collect();
    for (name, block) in before[PROVIDERS].as_object().into_iter().flatten() {
        plan[PROVIDERS][name] = block.clone();
    }
}

/// Returns a target of a plan: the field, and the reference that it gets.
pub(super) fn target(target: &PlanTarget, provider: &str, id: &str) -> Value {
    let PlanTarget { kind, path, profile } = target;
    let mut object = json!({
        "type": kind,
        "path": path.join("."),
        "pathSegments": path,
        "ref": {"source": "exec", "provider": provider, "id": id},
    });
    if let Some((agent, provider)) = profile {
        object["agentId"] = json!(agent);
        object["authProfileProvider"] = json!(provider);
    }
    object
}
