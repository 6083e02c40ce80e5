//! The plan for `openclaw secrets apply`: which fields get a reference. It has ids, and no secret.

use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use serde_json::{Value, json};

use super::found::PlanTarget;
use crate::failure::Failure;
use crate::private_files::{Access, Folder, Links, Rules, Sync, read};
use crate::system_error::words;

/// The most that the gateway reads of a plan, in MiB.
const LIMIT: u64 = 16;

/// The member with the ids that were imported. The gateway ignores it.
pub(in crate::shell::import) const IMPORTED: &str = "importedIds";

/// The member by which a plan of `import` is known.
const AUTHOR: &str = "generatedBy";

/// A file for a plan.
pub(super) struct PlanFile {
    path: PathBuf,
    author: &'static str,
    uid: u32,
}

impl PlanFile {
    /// Fails if the file exists and `import` has not written it.
    pub(super) fn new(path: &Path, author: &'static str, uid: u32) -> Result<Self, Failure> {
        let rules = Rules { links: Links::Refuse, access: Access::OnlyOwnWriters, uid, limit: LIMIT };
        let is_own = |bytes: &[u8]| {
            let plan: Value = serde_json::from_slice(bytes).unwrap_or_default();
            plan[AUTHOR].as_str().is_some_and(|author| author.starts_with("secretref-"))
        };
        match read(CWD, path, &rules) {
            Err(problem) if !problem.is_missing() => {
                return Err(problem.failure(format!("the plan {}", path.display()), path));
            }
            Ok((bytes, _)) if !is_own(&bytes) => {
                let what = format!("{} exists, and is not a plan of `import`", path.display());
                return Err(Failure::misconfigured(what, "name another file with --plan"));
            }
            _ => {}
        }
        let file = Self { path: path.to_owned(), author, uid };
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

    /// Writes the plan as a whole, so that only its user can read it.
    pub(super) fn write(&self, mut plan: Value) -> Result<(), Failure> {
        plan[AUTHOR] = json!(self.author);
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder = self.folder()?;
        let draft = format!(".{name}.{}", std::process::id());
        let text = format!("{plan:#}\n");
        let written = folder
            .write_draft(draft, text.as_bytes(), Sync::Disk, |_| {})
            .and_then(|draft| draft.replace(name))
            .and_then(|()| folder.sync());
        written.map_err(|error| {
            let what = format!("the plan {} cannot be written ({})", self.path.display(), words(&error));
            Failure::misconfigured(what, "name another file with --plan, and run this again")
        })
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
