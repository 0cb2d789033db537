//! Which security keys are plugged in, read from sysfs alone: no device is opened for it.
//!
//! A key is a USB device with at least one HID interface of usage page 0xF1D0. It is told from others by
//! its port; the hidraw number is handed out again at once, and serials repeat among keys of one model.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::KeyError;

/// Usage page of FIDO devices (CTAP 2.1, 11.2.8.2).
const FIDO_USAGE_PAGE: u32 = 0xF1D0;
/// The kernel refuses report descriptors above 4096 bytes.
const MAX_DESCRIPTOR: u64 = 4096;
/// Longest name kept of a device's own texts, in characters.
const MAX_TEXT: usize = 64;

/// Where sysfs is mounted; tests give a tree of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysRoot(PathBuf);

impl SysRoot {
    /// A sysfs-like tree at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Default for SysRoot {
    fn default() -> Self {
        Self::new("/sys")
    }
}

/// Name of a USB port, as the kernel builds it from bus and hub ports, for example `1-2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UsbPort(String);

impl UsbPort {
    /// Takes a port name as the kernel writes it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UsbPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A FIDO device as it is plugged in right now.
///
/// Taken out and put back, the same key is another value: `port` stays, `devnum` differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityKey {
    /// Where it is plugged in.
    pub port: UsbPort,
    /// USB bus number.
    pub busnum: u16,
    /// Number that the bus gave to this plugging-in.
    pub devnum: u16,
    /// USB vendor id.
    pub vid: u16,
    /// USB product id.
    pub pid: u16,
    /// What the device calls itself, escaped and cut; possibly empty.
    pub product: String,
    /// Serial number by the device's own word: a note, never an identity.
    pub serial: Option<String>,
    /// Its HID device node, for example `/dev/hidraw3`.
    pub node: String,
}

impl SecurityKey {
    /// Whether this is the very plugging-in that `other` was read from.
    #[must_use]
    pub fn same_plug(&self, other: &Self) -> bool {
        (&self.port, self.busnum, self.devnum) == (&other.port, other.busnum, other.devnum)
    }

    /// Whether `self` is what came back at the port of `before`, with the same USB ids.
    #[must_use]
    pub fn came_back_as(&self, before: &Self) -> bool {
        self.port == before.port
            && !self.same_plug(before)
            && (self.vid, self.pid) == (before.vid, before.pid)
    }
}

impl fmt::Display for SecurityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.product.is_empty() {
            write!(f, "key {:04x}:{:04x}", self.vid, self.pid)?;
        } else {
            f.write_str(&self.product)?;
        }
        write!(f, " on port {}", self.port)
    }
}

/// Lists the security keys that are plugged in now, one entry per USB device, ordered by port.
///
/// A device that disappears during the scan is left out.
pub fn scan(root: &SysRoot) -> Result<Vec<SecurityKey>, KeyError> {
    let class = root.0.join("class/hidraw");
    let entries = match std::fs::read_dir(&class) {
        Ok(entries) => entries,
        // The directory exists as soon as the kernel has hidraw, even with no device.
        Err(error) => {
            return Err(KeyError::NoHidraw {
                reason: format!("`{}` cannot be read ({})", class.display(), error.kind()),
            });
        }
    };
    let mut keys: BTreeMap<(u16, u16), (u32, SecurityKey)> = BTreeMap::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(number) = name
            .to_str()
            .and_then(|n| n.strip_prefix("hidraw"))
            .and_then(|n| n.parse::<u32>().ok())
        else {
            continue;
        };
        let Some(key) = read_key(&root.0, &entry.path(), number) else {
            continue;
        };
        // One key can have several FIDO interfaces; the first one stands for it.
        match keys.entry((key.busnum, key.devnum)) {
            std::collections::btree_map::Entry::Occupied(mut known) if known.get().0 > number => {
                known.insert((number, key));
            }
            std::collections::btree_map::Entry::Occupied(_) => {}
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert((number, key));
            }
        }
    }
    let mut keys: Vec<SecurityKey> = keys.into_values().map(|(_, key)| key).collect();
    keys.sort_by(|a, b| a.port.cmp(&b.port));
    Ok(keys)
}

/// Returns the only element; none and several are the two errors an officer can mend.
pub fn sole(mut keys: Vec<SecurityKey>) -> Result<SecurityKey, KeyError> {
    match keys.len() {
        0 => Err(KeyError::NoKey),
        1 => Ok(keys.remove(0)),
        _ => Err(KeyError::SeveralKeys {
            names: keys.iter().map(ToString::to_string).collect(),
        }),
    }
}

/// Returns the only security key that is plugged in.
pub fn sole_key(root: &SysRoot) -> Result<SecurityKey, KeyError> {
    sole(scan(root)?)
}

fn read_key(root: &Path, class_entry: &Path, number: u32) -> Option<SecurityKey> {
    let hid = std::fs::canonicalize(class_entry.join("device")).ok()?;
    let descriptor = read_bounded(&hid.join("report_descriptor"), MAX_DESCRIPTOR)?;
    if !is_fido(&descriptor) {
        return None;
    }
    let root = std::fs::canonicalize(root).ok()?;
    // Everything above the USB device (hubs, root hub) has these files too: the first one is ours.
    let usb = hid
        .ancestors()
        .take_while(|dir| dir.starts_with(&root))
        .find(|dir| dir.join("busnum").exists() && dir.join("devnum").exists())?;
    let hex = |name: &str| u16::from_str_radix(&read_text(&usb.join(name))?, 16).ok();
    Some(SecurityKey {
        port: UsbPort::new(escape(usb.file_name()?.to_str()?)),
        busnum: read_text(&usb.join("busnum"))?.parse().ok()?,
        devnum: read_text(&usb.join("devnum"))?.parse().ok()?,
        vid: hex("idVendor")?,
        pid: hex("idProduct")?,
        product: read_text(&usb.join("product")).unwrap_or_default(),
        serial: read_text(&usb.join("serial")).filter(|s| !s.is_empty()),
        node: format!("/dev/hidraw{number}"),
    })
}

fn read_bounded(path: &Path, limit: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)
        .ok()?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    (u64::try_from(read).ok()? <= limit).then_some(bytes)
}

/// Reads one line of a device's own text; a USB string has at most 126 characters.
fn read_text(path: &Path) -> Option<String> {
    let bytes = read_bounded(path, 1024)?;
    Some(escape(String::from_utf8_lossy(&bytes).trim()))
}

/// Makes a device's text safe for terminal and paper: printable, one line, of bounded length.
fn escape(text: &str) -> String {
    let mut clean: String = text
        .chars()
        .take(MAX_TEXT)
        .map(|c| match c {
            ' ' => ' ',
            c if c.is_control() || c.is_whitespace() || is_invisible(c) => '?',
            c => c,
        })
        .collect();
    if text.chars().count() > MAX_TEXT {
        clean.push('…');
    }
    clean
}

/// Characters that change the direction or look of what stands around them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a HID report descriptor (HID 1.11, 6.2.2) names the FIDO usage page.
fn is_fido(descriptor: &[u8]) -> bool {
    let mut rest = descriptor;
    while let Some((&prefix, tail)) = rest.split_first() {
        // A long item carries its size in the next byte.
        let (data_at, size) = if prefix == 0xFE {
            match tail.first() {
                Some(&size) => (2, usize::from(size)),
                None => return false,
            }
        } else {
            (0, [0, 1, 2, 4][usize::from(prefix & 0x03)])
        };
        let Some(data) = tail.get(data_at..data_at + size) else {
            return false;
        };
        if prefix & 0xFC == 0x04 {
            let page = data
                .iter()
                .rev()
                .fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
            if page == FIDO_USAGE_PAGE {
                return true;
            }
        }
        rest = &tail[data_at + size..];
    }
    false
}
