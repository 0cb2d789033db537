//! Reading a key's CBOR within limits, and writing canonical CBOR (CTAP 2.1, 8).

use ciborium::Value;

/// Deeper nesting than any CTAP message has (4), with room for extensions.
const MAX_DEPTH: usize = 16;

/// Reads one CBOR item that takes up all of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<Value, String> {
    let (value, rest) = read_first(bytes)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err("bytes follow the end of its CBOR answer".into())
    }
}

/// Reads the first CBOR item and returns what follows it.
pub(super) fn read_first(bytes: &[u8]) -> Result<(Value, &[u8]), String> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|_| "its answer is no valid CBOR".to_owned())?;
    Ok((value, rest))
}

/// Reads one CBOR map that takes up all of `bytes`.
pub(super) fn read_map(bytes: &[u8]) -> Result<Vec<(Value, Value)>, String> {
    match read(bytes)? {
        Value::Map(map) => Ok(map),
        _ => Err("its answer is no CBOR map".into()),
    }
}

/// Finds the member with an integer key; of duplicates, the first.
pub(super) fn find(map: &[(Value, Value)], number: i64) -> Option<&Value> {
    map.iter()
        .find(|(key, _)| key.as_integer().and_then(|i| i64::try_from(i).ok()) == Some(number))
        .map(|(_, value)| value)
}

/// An unsigned integer.
pub(super) fn unsigned(value: &Value) -> Option<u64> {
    value.as_integer().and_then(|i| u64::try_from(i).ok())
}

/// Writes a value; map members must already stand in canonical order.
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing into memory cannot fail, and our values hold nothing that CBOR lacks.
    ciborium::into_writer(value, &mut bytes).expect("CBOR into memory");
    bytes
}
