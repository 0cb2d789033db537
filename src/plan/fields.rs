//! Reading a TOML table member by member, so that every problem is found and not only the first.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::PlanError;

/// Most problems that are noted: a file that is no plan at all has thousands.
const MOST: usize = 100;

/// A value and the byte where it stands in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<T> {
    pub(super) at: usize,
    pub(super) value: T,
}

/// Where the lines of a text begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line, from 1, of the byte at `at`.
    pub(super) fn line(&self, at: usize) -> usize {
        self.0.partition_point(|end| *end < at) + 1
    }
}

/// What is wrong with a file, as far as it has been read.
pub(super) struct Problems {
    lines: Lines,
    found: Vec<PlanError>,
}

impl Problems {
    pub(super) fn new(lines: Lines) -> Self {
        Self {
            lines,
            found: Vec::new(),
        }
    }

    pub(super) fn refuse(&mut self, at: usize, reason: impl Into<String>) {
        if self.found.len() < MOST {
            self.found.push(PlanError {
                line: self.lines.line(at),
                reason: reason.into(),
            });
        }
    }

    /// The lines of the file if nothing was wrong, or the problems in the order of the file.
    pub(super) fn end(self) -> Result<Lines, Vec<PlanError>> {
        let mut found = self.found;
        if found.is_empty() {
            return Ok(self.lines);
        }
        found.sort_by_key(|problem| problem.line);
        Err(found)
    }
}

/// The members of one table; each is asked for once, and what nobody asked for is refused at the end.
pub(super) struct Fields<'a> {
    table: &'a DeTable<'a>,
    at: usize,
    what: &'static str,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// `what` names the table in messages, such as "the plan".
    pub(super) fn new(table: &'a DeTable<'a>, at: usize, what: &'static str) -> Self {
        Self {
            table,
            at,
            what,
            asked: Vec::new(),
        }
    }

    /// Where the table begins.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn get(&mut self, name: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.push(name);
        self.table.get(name)
    }

    /// A member of the kind that `read` knows, or a refusal that says what it `must_be`.
    fn read<T>(
        &mut self,
        name: &'static str,
        must_be: &str,
        problems: &mut Problems,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<At<T>> {
        let found = self.get(name)?;
        let at = found.span().start;
        let value = read(found.get_ref());
        if value.is_none() {
            let kind = found.get_ref().type_str();
            problems.refuse(at, format!("{name} must be {must_be}, this is: {kind}"));
        }
        value.map(|value| At { at, value })
    }

    /// Refuses a table without this member.
    pub(super) fn require(&self, name: &'static str, problems: &mut Problems) {
        if !self.table.contains_key(name) {
            problems.refuse(self.at, format!("{} has no `{name}`", self.what));
        }
    }

    pub(super) fn text(&mut self, name: &'static str, problems: &mut Problems) -> Option<At<&'a str>> {
        self.read(name, "text in quotation marks", problems, DeValue::as_str)
    }

    pub(super) fn flag(&mut self, name: &'static str, problems: &mut Problems) -> Option<At<bool>> {
        self.read(name, "true or false", problems, DeValue::as_bool)
    }

    pub(super) fn number(&mut self, name: &'static str, problems: &mut Problems) -> Option<At<u32>> {
        self.read(name, "a whole number from 0", problems, |value| {
            let number = value.as_integer()?;
            u32::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
        })
    }

    /// A length in millimetres with sign and fraction, in parts of which `parts` make one: 10 or 100.
    pub(super) fn millimetres(
        &mut self,
        name: &'static str,
        parts: u8,
        most: i8,
        problems: &mut Problems,
    ) -> Option<i8> {
        let limit = f64::from(most) / f64::from(parts);
        let kind = format!(
            "millimetres between -{limit} and {limit} in steps of {}",
            1.0 / f64::from(parts)
        );
        let found = self.read(name, &kind, problems, |value| {
            let text = value.as_float().map(toml::de::DeFloat::as_str).or_else(|| {
                value
                    .as_integer()
                    .filter(|n| n.radix() == 10)
                    .map(toml::de::DeInteger::as_str)
            })?;
            text.replace('_', "").parse::<f64>().ok()
        })?;
        let scaled = found.value * f64::from(parts);
        let steps = (-most..=most).find(|steps| (scaled - f64::from(*steps)).abs() < 1e-6);
        if steps.is_none() {
            problems.refuse(
                found.at,
                format!("{name} must be {kind}, this is {}", found.value),
            );
        }
        steps
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
        problems: &mut Problems,
    ) -> Option<At<T>> {
        let quoted: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let found = self.text(name, problems)?;
        let word = words.iter().find(|(word, _)| *word == found.value);
        if word.is_none() {
            let must_be = quoted.join(" or ");
            problems.refuse(
                found.at,
                format!("{name} must be {must_be}, this is {:?}", found.value),
            );
        }
        word.map(|(_, value)| At {
            at: found.at,
            value: *value,
        })
    }

    /// A list of texts; what is no text is refused and left out. Nothing if only such was there.
    pub(super) fn texts(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<At<Vec<At<&'a str>>>> {
        let list = self.read(name, "a list of texts", problems, DeValue::as_array)?;
        let mut texts = Vec::new();
        for item in list.value {
            let at = item.span().start;
            match item.get_ref().as_str() {
                Some(value) => texts.push(At { at, value }),
                None => problems.refuse(at, format!("{name} must hold texts in quotation marks")),
            }
        }
        (list.value.is_empty() || !texts.is_empty()).then_some(At {
            at: list.at,
            value: texts,
        })
    }

    pub(super) fn table(
        &mut self,
        name: &'static str,
        what: &'static str,
        problems: &mut Problems,
    ) -> Option<Fields<'a>> {
        let table = self.read(name, "a table", problems, DeValue::as_table)?;
        Some(Fields::new(table.value, table.at, what))
    }

    /// A list of tables; what is no table is refused and left out. Nothing if only such was there.
    pub(super) fn tables(
        &mut self,
        name: &'static str,
        what: &'static str,
        problems: &mut Problems,
    ) -> Option<At<Vec<Fields<'a>>>> {
        let list = self.read(name, "a list of tables", problems, DeValue::as_array)?;
        let mut tables = Vec::new();
        for item in list.value {
            let at = item.span().start;
            match item.get_ref().as_table() {
                Some(table) => tables.push(Fields::new(table, at, what)),
                None => problems.refuse(at, format!("{name} must hold tables")),
            }
        }
        (list.value.is_empty() || !tables.is_empty()).then_some(At {
            at: list.at,
            value: tables,
        })
    }

    /// Refuses every member that nobody asked for.
    pub(super) fn end(self, problems: &mut Problems) {
        for name in self.table.keys() {
            let found = name.get_ref().as_ref();
            if self.asked.contains(&found) {
                continue;
            }
            let known = self.asked.join(", ");
            let reason = format!("unknown field `{found}`: {} may have {known}", self.what);
            problems.refuse(name.span().start, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one() {
        let lines = Lines::of("a\nbc\n\nd");
        let found: Vec<usize> = (0..8).map(|at| lines.line(at)).collect();
        assert_eq!(found, [1, 1, 2, 2, 2, 3, 4, 4]);
    }
}
