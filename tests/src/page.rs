//! Pages of documentation, as what they tell a reader to type.

use std::fs;

use crate::resolver;

/// A page of this repository.
#[derive(Debug)]
pub struct Page(String);

impl Page {
    /// Reads the page at `path`.
    #[must_use]
    pub fn read(path: &str) -> Self {
        Self(fs::read_to_string(resolver::repository().join(path)).expect("a page"))
    }

    /// The fenced blocks of `language` below the heading `title`, up to the next heading.
    #[must_use]
    pub fn blocks(&self, title: &str, language: &str) -> Vec<String> {
        let fence = format!("```{language}");
        let mut blocks = Vec::new();
        let mut lines = self
            .0
            .lines()
            .skip_while(|line| line.trim_start_matches('#').trim() != title || !line.starts_with('#'));
        assert!(lines.next().is_some(), "no heading {title:?}");
        let mut in_block = None::<Vec<&str>>;
        for line in lines {
            match &mut in_block {
                None if line.starts_with('#') => break,
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
