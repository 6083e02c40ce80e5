//! The ids whose values are looked for: those that the gateway's config and a plan refer to.

use std::path::Path;

use rustix::fs::CWD;
use serde_json::Value;

use super::{ResidueArgs, nothing};
use crate::backend::Manage;
use crate::failure::Failure;
use crate::gateway::Config;
use crate::private_files::{Access, Links, Rules, read};
use crate::settings::Settings;
use crate::shell::import::from::plan::IMPORTED;
use crate::shell::snippet;

/// Returns the ids, each once.
pub(super) fn ids<B: Manage>(
    settings: &Settings,
    args: &ResidueArgs,
    state: &Path,
) -> Result<Vec<String>, Failure> {
    let mut ids = args.only.clone();
    if ids.is_empty() {
        if let Some(plan) = &args.plan {
            ids.extend(of_plan(plan, settings.uid())?);
        }
        let config = state.join("openclaw.json");
        if config.exists() || args.plan.is_none() {
            ids.extend(of_config::<B>(settings, &Config::read(&config)?)?);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        let what = format!("the config in {} refers to no id of this profile", state.display());
        return Err(nothing(what));
    }
    Ok(ids)
}

/// Returns the ids of every provider that starts this profile.
fn of_config<B: Manage>(settings: &Settings, config: &Config) -> Result<Vec<String>, Failure> {
    let (command, own) = snippet::command(&B::STORE, settings.profile(), None)?;
    let starts_it = config
        .providers
        .iter()
        .filter(|(_, provider)| provider.command == command && provider.args.starts_with(&own));
    Ok(starts_it.flat_map(|(name, _)| config.ids(name)).collect())
}

fn of_plan(path: &Path, uid: u32) -> Result<Vec<String>, Failure> {
    let rules = Rules { links: Links::Follow, access: Access::OnlyOwnWriters, uid, limit: 16 };
    let (bytes, _) = read(CWD, path, &rules)
        .map_err(|problem| problem.failure(format!("the plan {}", path.display()), path))?;
    let plan: Value = serde_json::from_slice(&bytes)
        .map_err(|_| nothing(format!("{} is not a plan of `import`", path.display())))?;
    let ids = plan[IMPORTED].as_array().into_iter().flatten();
    Ok(ids.filter_map(|id| id.as_str().map(str::to_owned)).collect())
}
