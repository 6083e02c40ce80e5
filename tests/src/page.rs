//! Pages of documentation, and the commands that they tell a reader to type.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::resolver;

/// Types commands into bash, in the folder `home`, with nothing in the environment but that, the system's programs after
/// those of `folders`, and `env`. Returns what they print to stdout; panics unless all succeed.
pub fn type_in(commands: &str, home: &Path, folders: &[&Path], env: &[(&str, &str)]) -> String {
    let folders: Vec<_> = folders.iter().map(|folder| format!("{}:", folder.display())).collect();
    let ended = Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(home)
        .env_clear()
        .env("HOME", home)
        .env("PATH", format!("{}/usr/bin:/bin", folders.concat()))
        .envs(env.iter().copied())
        .output()
        .expect("bash");
    assert!(ended.status.success(), "{commands}\n{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8_lossy(&ended.stdout).into_owned()
}

/// The blocks of the page at `path` that a test types or reads: the files of tests say so in a line of their own,
///
/// ```text
/// //! Blocks of `docs/shell.md`: "Check ids" sh 1, "Delete a value" text 1
/// ```
#[must_use]
pub fn claims(path: &str) -> BTreeSet<String> {
    let files = fs::read_dir(resolver::repository().join("tests/tests")).expect("the tests");
    let files = files.map(|file| file.expect("a test").path());
    let sources = files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).expect("a test"));
    let start = format!("//! Blocks of `{path}`: ");
    sources.flat_map(|source| claims_of(&source, &start)).collect()
}

fn claims_of(source: &str, start: &str) -> Vec<String> {
    let (claims, code): (Vec<_>, Vec<_>) = source.lines().partition(|line| line.starts_with(start));
    let claims = claims.iter().flat_map(|line| line[start.len()..].split(", ")).map(str::to_owned);
    let is_read = |claim: &String| {
        let title = claim.rsplit_once('"').map_or("", |(title, _)| title.trim_start_matches('"'));
        code.iter().any(|line| line.contains(&format!("\"{title}\"")))
    };
    claims.inspect(|claim| assert!(is_read(claim), "what claims {claim} does not read it")).collect()
}

/// A page of this repository.
#[derive(Debug)]
pub struct Page(String);

impl Page {
    /// Reads the page at `path`.
    #[must_use]
    pub fn read(path: &str) -> Self {
        let text = fs::read_to_string(resolver::repository().join(path));
        Self(text.unwrap_or_else(|error| panic!("no page {path}: {error}")))
    }

    /// The lines below the heading `title`, up to the next heading, each with its number.
    fn section(&self, title: &str) -> Vec<(usize, &str)> {
        let is_title = |line: &str| line.starts_with('#') && line.trim_start_matches('#').trim() == title;
        let mut lines = (1..).zip(self.0.lines()).skip_while(|(_, line)| !is_title(line));
        assert!(lines.next().is_some(), "no heading {title:?}");
        let mut is_code = false;
        let goes_on = lines.take_while(|(_, line)| {
            is_code ^= line.starts_with("```");
            is_code || !line.starts_with('#')
        });
        goes_on.collect()
    }

    /// The same, as one text.
    #[must_use]
    pub fn text(&self, title: &str) -> String {
        self.section(title).into_iter().flat_map(|(_, line)| [line, "\n"]).collect()
    }

    /// The rows of the tables below the heading `title`, without their heads: the number of the line, and the cells.
    #[must_use]
    pub fn table(&self, title: &str) -> Vec<(usize, Vec<String>)> {
        let section = self.section(title);
        let is_head = |at: usize| section.get(at + 1).is_some_and(|(_, next)| next.starts_with("|---"));
        let rows = section
            .iter()
            .enumerate()
            .filter(|(at, (_, line))| line.starts_with('|') && !line.starts_with("|---") && !is_head(*at));
        let cells =
            |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        rows.map(|(_, (number, line))| (*number, cells(line))).collect()
    }

    /// The fenced blocks of `language` below the heading `title`, up to the next heading.
    #[must_use]
    pub fn blocks(&self, title: &str, language: &str) -> Vec<String> {
        let fence = format!("```{language}");
        let mut blocks = Vec::new();
        let mut in_block = None::<Vec<&str>>;
        for (_, line) in self.section(title) {
            match &mut in_block {
                None if line == fence => in_block = Some(Vec::new()),
                None => {}
                Some(block) if line == "```" => {
                    blocks.push(block.join("\n"));
                    in_block = None;
                }
                Some(block) => block.push(line),
            }
        }
        blocks
    }

    /// Every fenced block of the page, as [`claims`] names them: `"Ids" toml 1` is the first of its language below "Ids".
    #[must_use]
    pub fn all_blocks(&self) -> BTreeSet<String> {
        let mut blocks = BTreeSet::new();
        let (mut title, mut is_code) = ("", false);
        for line in self.0.lines() {
            if let Some(language) = line.strip_prefix("```") {
                is_code = !is_code;
                let mut names = (1..).map(|number| format!("\"{title}\" {language} {number}"));
                blocks.extend(names.find(|name| !blocks.contains(name)).filter(|_| is_code));
            } else if line.starts_with('#') && !is_code {
                title = line.trim_start_matches('#').trim();
            }
        }
        blocks
    }

    /// The one block of `language` below the heading `title`.
    #[must_use]
    pub fn block(&self, title: &str, language: &str) -> String {
        let [block] = self.blocks(title, language).try_into().expect("one block");
        block
    }
}
