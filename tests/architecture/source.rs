//! The paths that a Rust file names: `crate::`, `super::` and those of foreign crates, `use` trees unfolded.

/// A file of `src/`, without comments and without what only its tests see.
pub(crate) struct Source {
    /// Its module path, such as `ceremony::state`; empty for the root.
    pub(crate) module: String,
    text: String,
}

impl Source {
    pub(crate) fn new(module: &str, text: &str) -> Self {
        Self {
            module: module.to_owned(),
            text: without_tests(&without_comments(text)),
        }
    }

    /// Modules that are declared for tests alone.
    pub(crate) fn test_modules(module: &str, text: &str) -> Vec<String> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let declared = |pair: &[&str]| {
            let name = pair[1].trim_start_matches("pub(crate) ").strip_prefix("mod ")?;
            (pair[0] == "#[cfg(test)]").then(|| name.strip_suffix(';').map(str::to_owned))?
        };
        lines
            .windows(2)
            .filter_map(declared)
            .map(|name| join(module, &name))
            .collect()
    }

    /// Paths into this crate, as module paths of it.
    pub(crate) fn own_paths(&self) -> Vec<String> {
        let mut paths = self.paths_from("crate");
        for path in self.paths_from("super") {
            let mut base: Vec<&str> = self.module.split("::").collect();
            let mut rest = path.as_str();
            base.pop();
            while let Some(further) = rest.strip_prefix("super::") {
                base.pop();
                rest = further;
            }
            paths.push(join(&base.join("::"), rest));
        }
        paths
    }

    /// Paths that begin with `root::`, without it.
    pub(crate) fn paths_from(&self, root: &str) -> Vec<String> {
        let start = format!("{root}::");
        let before = |at: usize| self.text[..at].chars().next_back();
        self.text
            .match_indices(&start)
            .filter(|(at, _)| !before(*at).is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c)))
            .flat_map(|(at, _)| {
                let mut rest = &self.text[at + start.len()..];
                tree(&mut rest)
            })
            .collect()
    }
}

fn join(base: &str, path: &str) -> String {
    if base.is_empty() {
        path.to_owned()
    } else {
        format!("{base}::{path}")
    }
}

/// One branch of a `use` tree, unfolded.
fn tree(rest: &mut &str) -> Vec<String> {
    *rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        *rest = inside;
        let mut paths = Vec::new();
        loop {
            *rest = rest.trim_start_matches([' ', '\n', ',']);
            if let Some(after) = rest.strip_prefix('}') {
                *rest = after;
                return paths;
            }
            let before = rest.len();
            paths.append(&mut tree(rest));
            // `as name`, or something that is no tree at all.
            if !rest.starts_with([',', '}']) {
                let end = rest.find([',', '}']).unwrap_or(rest.len());
                *rest = &rest[end..];
            }
            if rest.is_empty() || rest.len() == before {
                return paths;
            }
        }
    }
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*')
        .unwrap_or(rest.len());
    let name = &rest[..end];
    *rest = &rest[end..];
    match rest.strip_prefix("::") {
        // A turbofish ends the path.
        Some(further) if !further.starts_with('<') => {
            *rest = further;
            tree(rest).iter().map(|path| join(name, path)).collect()
        }
        _ => vec![name.to_owned()],
    }
}

/// Line comments go; `//` inside a word, as in an address, stays.
pub(crate) fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| {
            let mut starts = line.match_indices("//").map(|(at, _)| at);
            let comment =
                starts.find(|at| *at == 0 || line[..*at].ends_with([' ', '\t', ';', '{', '}', ',']));
            &line[..comment.unwrap_or(line.len())]
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The item after each `#[cfg(test)]` goes.
fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find([';', '{']).unwrap_or(rest.len());
        rest = if rest[end..].starts_with('{') {
            after_block(&rest[end..])
        } else {
            rest[end..].strip_prefix(';').unwrap_or("")
        };
    }
    kept + rest
}

/// What follows a block; braces in strings and characters are not counted.
fn after_block(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            '"' => {
                while let Some((_, c)) = characters.next() {
                    match c {
                        '\\' => drop(characters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '\'' => {
                // A lifetime has no second quote so near.
                let mut next = text[at + 1..].chars();
                match (next.next(), next.next()) {
                    (Some('\\'), _) => {
                        characters.nth(1);
                        characters.find(|(_, c)| *c == '\'');
                    }
                    (Some(_), Some('\'')) => drop(characters.nth(1)),
                    _ => {}
                }
            }
            _ => {}
        }
        if depth == 0 {
            return &text[at + 1..];
        }
    }
    ""
}
