//! What a printer says it is: the IEEE 1284 device id, untrusted text from a device.

/// Longest id that is read; the length is a 16-bit field, but real ones stay below this.
pub const MAX_LENGTH: usize = 1023;

/// Longest value kept for a screen.
const MAX_VALUE: usize = 64;

/// The fields of an id that matter here; all text is escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceId {
    /// `MFG` or `MANUFACTURER`.
    pub make: String,
    /// `MDL` or `MODEL`.
    pub model: String,
    /// The words of `CMD` or `COMMAND SET`.
    pub commands: Vec<String>,
}

impl DeviceId {
    /// Reads an id; what is not understood stays empty, and bytes beyond [`MAX_LENGTH`] are not looked at.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(MAX_LENGTH)];
        let text = String::from_utf8_lossy(bytes);
        let mut id = Self::default();
        // An entry without a key belongs to the one before: some makers separate commands by semicolons too.
        let mut in_commands = false;
        for entry in text.split(';') {
            let (key, value) = match entry.split_once(':') {
                Some((key, value)) => (key.trim().to_ascii_uppercase(), value),
                None if in_commands => ("CMD".to_owned(), entry),
                None => continue,
            };
            in_commands = matches!(key.as_str(), "CMD" | "COMMAND SET");
            match key.as_str() {
                "MFG" | "MANUFACTURER" => id.make = escaped(value),
                "MDL" | "MODEL" => id.model = escaped(value),
                "CMD" | "COMMAND SET" => id.commands.extend(
                    value
                        .split([',', ' '])
                        .map(escaped)
                        .filter(|word| !word.is_empty()),
                ),
                _ => {}
            }
        }
        id
    }
}

/// Makes text from a device harmless on a screen: bounded, printable ASCII, the rest as `?`.
fn escaped(text: &str) -> String {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\0')
        .chars()
        .take(MAX_VALUE)
        .map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_short_and_long_keys() {
        let short = DeviceId::parse(
            b"MFG:Hewlett-Packard;CMD:PJL,PML,PCL5e,POSTSCRIPT;MDL:LaserJet 4200;CLS:PRINTER;\n",
        );
        assert_eq!(short.make, "Hewlett-Packard");
        assert_eq!(short.model, "LaserJet 4200");
        assert_eq!(short.commands, ["PJL", "PML", "PCL5e", "POSTSCRIPT"]);
        let long = DeviceId::parse(b"MANUFACTURER: X ;COMMAND SET:Adobe PostScript 3;PDF;MODEL:Y");
        assert_eq!((long.make.as_str(), long.model.as_str()), ("X", "Y"));
        assert_eq!(long.commands, ["Adobe", "PostScript", "3", "PDF"]);
    }

    #[test]
    fn text_of_a_device_cannot_move_the_cursor_or_fill_the_screen() {
        let id = DeviceId::parse(b"MFG:\x1b[2Jevil\xff;MDL:a\nb;");
        assert_eq!((id.make.as_str(), id.model.as_str()), ("?[2Jevil?", "a?b"));
        let long = [b"MFG:".as_slice(), &[b'x'; 5000]].concat();
        assert_eq!(DeviceId::parse(&long).make.len(), MAX_VALUE);
        let many = [b"CMD:".as_slice(), &b"PCL,".repeat(5000)].concat();
        assert!(DeviceId::parse(&many).commands.len() < 256);
    }

    proptest! {
        #[test]
        fn any_bytes_give_printable_ascii(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let id = DeviceId::parse(&bytes);
            for text in id.commands.iter().chain([&id.make, &id.model]) {
                prop_assert!(text.len() <= MAX_VALUE && text.bytes().all(|b| (b' '..=b'~').contains(&b)));
            }
        }

        #[test]
        fn ids_made_of_likely_parts_never_panic(text in "(MFG|CMD|MDL|COMMAND SET|:|;|,| |\\PC){0,80}") {
            let _ = DeviceId::parse(text.as_bytes());
        }
    }
}
