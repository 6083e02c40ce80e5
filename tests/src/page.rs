//! Pages of documentation, as what they tell a reader to type.

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

/// A page of this repository.
#[derive(Debug)]
pub struct Page(String);

impl Page {
    /// Reads the page at `path`.
    #[must_use]
    pub fn read(path: &str) -> Self {
        Self(fs::read_to_string(resolver::repository().join(path)).expect("a page"))
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

    /// The one block of `language` below the heading `title`.
    #[must_use]
    pub fn block(&self, title: &str, language: &str) -> String {
        let [block] = self.blocks(title, language).try_into().expect("one block");
        block
    }
}
