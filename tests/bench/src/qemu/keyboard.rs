//! The machine's keyboard, with the keys where a US layout has them.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::qemu::Qemu;

/// How long a key is held, and how long the typist then rests: slow enough for a guest under emulation.
const HOLD: Duration = Duration::from_millis(40);
const REST: Duration = Duration::from_millis(40);

impl Qemu {
    /// Strikes a key or a chord on the machine's keyboard by QEMU's names, such as `ret` or `ctrl-alt-delete`.
    ///
    /// # Errors
    ///
    /// There is no such key.
    pub fn send_key(&mut self, chord: &str) -> Result<()> {
        self.strike(&chord.split('-').collect::<Vec<_>>(), None)
    }

    /// Types a text on the machine's keyboard, `\n` being Enter; every printable character of ASCII has its key.
    ///
    /// The guest must have the US layout. Takes about 80 ms a character.
    ///
    /// # Errors
    ///
    /// A character has no key (nothing is typed then), or QEMU is gone.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        let strokes: Result<Vec<_>> = text.chars().map(stroke).collect();
        for (key, shift) in strokes? {
            let keys: &[&str] = if shift { &["shift", &key] } else { &[&key] };
            self.strike(keys, Some(HOLD))?;
            thread::sleep(HOLD + REST);
        }
        Ok(())
    }

    fn strike(&mut self, keys: &[&str], hold: Option<Duration>) -> Result<()> {
        let keys: Vec<Value> = keys
            .iter()
            .map(|key| json!({ "type": "qcode", "data": key }))
            .collect();
        let mut arguments = json!({ "keys": keys });
        if let Some(hold) = hold {
            arguments["hold-time"] = json!(u64::try_from(hold.as_millis()).unwrap_or(u64::MAX));
        }
        self.qmp.execute("send-key", &arguments).map(drop)
    }
}

/// QEMU's name of a character's key on a US keyboard, and whether Shift is held.
fn stroke(character: char) -> Result<(String, bool)> {
    /// Each key with what it types alone and with Shift.
    const KEYS: [(&str, char, char); 23] = [
        ("0", '0', ')'),
        ("1", '1', '!'),
        ("2", '2', '@'),
        ("3", '3', '#'),
        ("4", '4', '$'),
        ("5", '5', '%'),
        ("6", '6', '^'),
        ("7", '7', '&'),
        ("8", '8', '*'),
        ("9", '9', '('),
        ("minus", '-', '_'),
        ("equal", '=', '+'),
        ("bracket_left", '[', '{'),
        ("bracket_right", ']', '}'),
        ("backslash", '\\', '|'),
        ("semicolon", ';', ':'),
        ("apostrophe", '\'', '"'),
        ("grave_accent", '`', '~'),
        ("comma", ',', '<'),
        ("dot", '.', '>'),
        ("slash", '/', '?'),
        ("spc", ' ', ' '),
        ("ret", '\n', '\n'),
    ];
    if character.is_ascii_alphabetic() {
        return Ok((
            character.to_ascii_lowercase().to_string(),
            character.is_ascii_uppercase(),
        ));
    }
    KEYS.iter()
        .find(|(_, plain, shifted)| [*plain, *shifted].contains(&character))
        .map(|(key, plain, _)| ((*key).to_owned(), character != *plain))
        .ok_or_else(|| Error::Qemu(format!("A US keyboard has no key for {character:?}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_character_has_a_stroke_of_its_own() {
        let mut strokes: Vec<_> = (' '..='~').map(|character| stroke(character).unwrap()).collect();
        assert_eq!(stroke('@').unwrap(), ("2".to_owned(), true));
        assert_eq!(stroke('/').unwrap(), ("slash".to_owned(), false));
        let count = strokes.len();
        strokes.sort();
        strokes.dedup();
        assert_eq!((count, strokes.len()), (95, 95));
        assert!(stroke('\u{e9}').is_err());
    }
}
