//! Rewriting of getInfo answers: members taken away, added or changed, in canonical CBOR.

use ciborium::Value;

const VERSIONS: i64 = 0x01;
const EXTENSIONS: i64 = 0x02;
const OPTIONS: i64 = 0x04;
const PIN_PROTOCOLS: i64 = 0x06;

/// What is changed in a getInfo answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InfoEdit {
    /// Members that disappear.
    pub remove: Vec<i64>,
    /// Members with a new value.
    pub set: Vec<(i64, Value)>,
    /// Options that disappear (`None`) or get a value.
    pub options: Vec<(String, Option<bool>)>,
}

impl InfoEdit {
    /// Leaves what a key of CTAP 2.0 would say.
    #[must_use]
    pub fn ctap_2_0() -> Self {
        let later = [
            "alwaysUv",
            "authnrCfg",
            "bioEnroll",
            "credMgmt",
            "ep",
            "largeBlobs",
            "makeCredUvNotRqd",
            "noMcGaPermissionsWithClientPin",
            "pinUvAuthToken",
            "setMinPINLength",
            "uvToken",
        ];
        Self {
            remove: (0x07..=0x20).collect(),
            set: vec![
                (VERSIONS, texts(&["U2F_V2", "FIDO_2_0"])),
                (EXTENSIONS, texts(&["hmac-secret"])),
                (PIN_PROTOCOLS, Value::Array(vec![Value::from(1)])),
            ],
            options: later.map(|option| (option.to_owned(), None)).to_vec(),
        }
    }

    /// Changes an answer (status byte and map); anything else stays as it is.
    pub(super) fn apply(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let (&0, map) = payload.split_first()? else {
            return None;
        };
        let Value::Map(mut members) = ciborium::from_reader(map).ok()? else {
            return None;
        };
        members.retain(|(key, _)| !self.remove.iter().any(|removed| *key == Value::from(*removed)));
        for (key, value) in &self.set {
            put(&mut members, Value::from(*key), Some(value.clone()));
        }
        if let Some((_, Value::Map(options))) =
            members.iter_mut().find(|(key, _)| *key == Value::from(OPTIONS))
        {
            for (name, value) in &self.options {
                put(options, Value::from(name.as_str()), value.map(Value::from));
            }
            canonical(options);
        }
        canonical(&mut members);
        let mut answer = vec![0];
        ciborium::into_writer(&Value::Map(members), &mut answer).ok()?;
        Some(answer)
    }
}

fn texts(items: &[&str]) -> Value {
    Value::Array(items.iter().map(|item| Value::from(*item)).collect())
}

fn put(members: &mut Vec<(Value, Value)>, key: Value, value: Option<Value>) {
    members.retain(|(other, _)| *other != key);
    members.extend(value.map(|value| (key, value)));
}

/// CTAP2's order of map keys: by length of the encoding, then by its bytes.
fn canonical(members: &mut [(Value, Value)]) {
    members.sort_by_cached_key(|(key, _)| {
        let mut bytes = Vec::new();
        let _ = ciborium::into_writer(key, &mut bytes);
        (bytes.len(), bytes)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_status() {
        let edit = InfoEdit {
            remove: vec![3],
            set: vec![(2, Value::from(7))],
            options: vec![("rk".to_owned(), Some(false)), ("clientPin".to_owned(), None)],
        };
        let mut answer = vec![0];
        let options = Value::Map(vec![
            (Value::from("rk"), Value::from(true)),
            (Value::from("clientPin"), Value::from(true)),
        ]);
        let map = vec![(Value::from(3), Value::from(1)), (Value::from(4), options)];
        ciborium::into_writer(&Value::Map(map), &mut answer).unwrap();
        let edited = edit.apply(&answer).unwrap();
        assert_eq!(edited, [0, 0xa2, 0x02, 0x07, 0x04, 0xa1, 0x62, b'r', b'k', 0xf4]);
        assert_eq!(edit.apply(&[0x30]), None);
    }
}
