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

/// Reads a file whole; `None` where it cannot be read or is longer than `limit`.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)
        .ok()?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    (u64::try_from(read).ok()? <= limit).then_some(bytes)
}

/// Reads one line of a device's own text; a USB string has at most 126 characters.
pub(crate) fn read_text(path: &Path) -> Option<String> {
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
pub(crate) fn is_fido(descriptor: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    const FIDO: &[u8] = &[0x06, 0xD0, 0xF1, 0x09, 0x01, 0xA1, 0x01, 0xC0];
    const KEYBOARD: &[u8] = &[0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0xC0];

    /// A sysfs tree with what is plugged in.
    struct Tree(TempDir);

    impl Tree {
        fn new() -> Self {
            let tree = Self(TempDir::new().unwrap());
            fs::create_dir_all(tree.path("class/hidraw")).unwrap();
            tree.write("devices/pci0/usb1/busnum", "1\n");
            tree.write("devices/pci0/usb1/devnum", "1\n");
            tree
        }

        fn path(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
            fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
            fs::write(self.path(path), bytes).unwrap();
        }

        fn plug(&self, port: &str, devnum: u16, product: &str) {
            let usb = format!("devices/pci0/usb1/{port}");
            self.write(&format!("{usb}/busnum"), "1\n");
            self.write(&format!("{usb}/devnum"), format!("{devnum}\n"));
            self.write(&format!("{usb}/idVendor"), "1209\n");
            self.write(&format!("{usb}/idProduct"), "0001\n");
            self.write(&format!("{usb}/product"), format!("{product}\n"));
            self.write(&format!("{usb}/serial"), "SAME\n");
        }

        fn interface(&self, port: &str, number: u32, descriptor: &[u8]) {
            let hid = format!("devices/pci0/usb1/{port}/{port}:1.{number}/0003:1209:0001.{number:04}");
            self.write(&format!("{hid}/report_descriptor"), descriptor);
            let entry = self.path(&format!("class/hidraw/hidraw{number}"));
            fs::create_dir_all(&entry).unwrap();
            symlink(self.path(&hid), entry.join("device")).unwrap();
        }

        fn scan(&self) -> Result<Vec<SecurityKey>, KeyError> {
            scan(&SysRoot::new(self.0.path()))
        }
    }

    #[test]
    fn counts_by_usb_device_and_orders_by_port() {
        let tree = Tree::new();
        tree.plug("1-4", 9, "Key B");
        tree.interface("1-4", 5, FIDO);
        tree.plug("1-2", 7, "Key A");
        tree.interface("1-2", 3, FIDO);
        tree.interface("1-2", 2, KEYBOARD);
        tree.interface("1-2", 1, FIDO);
        tree.plug("1-3", 8, "Keyboard");
        tree.interface("1-3", 4, KEYBOARD);
        let keys = tree.scan().unwrap();
        assert_eq!(keys.len(), 2);
        let key = &keys[0];
        assert_eq!(key.port.as_str(), "1-2");
        assert_eq!((key.busnum, key.devnum, key.vid, key.pid), (1, 7, 0x1209, 1));
        assert_eq!(
            (key.node.as_str(), key.product.as_str()),
            ("/dev/hidraw1", "Key A")
        );
        assert_eq!(key.serial.as_deref(), Some("SAME"));
        assert_eq!(keys[1].port.as_str(), "1-4");
        assert_eq!(
            sole(keys),
            Err(KeyError::SeveralKeys {
                names: vec!["Key A on port 1-2".into(), "Key B on port 1-4".into()]
            })
        );
    }

    #[test]
    fn tells_no_key_from_no_hidraw() {
        let tree = Tree::new();
        assert_eq!(sole_key(&SysRoot::new(tree.0.path())), Err(KeyError::NoKey));
        fs::remove_dir(tree.path("class/hidraw")).unwrap();
        assert!(matches!(tree.scan(), Err(KeyError::NoHidraw { .. })));
    }

    #[test]
    fn a_replug_is_the_same_port_and_another_devnum() {
        let tree = Tree::new();
        tree.plug("1-2", 7, "Key");
        tree.interface("1-2", 0, FIDO);
        let before = tree.scan().unwrap().remove(0);
        assert!(before.same_plug(&before) && !before.came_back_as(&before));
        tree.plug("1-2", 8, "Key");
        let after = tree.scan().unwrap().remove(0);
        assert!(!after.same_plug(&before) && after.came_back_as(&before));
        tree.write("devices/pci0/usb1/1-2/idProduct", "0002\n");
        assert!(!tree.scan().unwrap().remove(0).came_back_as(&before));
    }

    #[test]
    fn device_texts_are_escaped_and_cut() {
        let tree = Tree::new();
        tree.plug(
            "1-2",
            7,
            &format!("\u{1b}[31m\u{202e}K\u{e9}y{}", "x".repeat(200)),
        );
        tree.interface("1-2", 0, FIDO);
        let product = tree.scan().unwrap().remove(0).product;
        assert!(product.starts_with("?[31m?K\u{e9}yx"), "{product}");
        assert_eq!(product.chars().count(), MAX_TEXT + 1);
    }

    #[test]
    fn half_a_device_is_no_key() {
        let tree = Tree::new();
        tree.plug("1-2", 7, "Key");
        tree.interface("1-2", 0, FIDO);
        fs::remove_file(tree.path("devices/pci0/usb1/1-2/idVendor")).unwrap();
        tree.plug("1-3", 8, "Key");
        tree.interface("1-3", 1, &[0_u8; 5000]);
        tree.write("class/hidraw/hidrawx/device", "");
        assert_eq!(tree.scan(), Ok(vec![]));
    }

    #[test]
    fn reads_usage_pages_of_every_item_size() {
        assert!(is_fido(&[0x06, 0xD0, 0xF1]));
        assert!(is_fido(&[0x07, 0xD0, 0xF1, 0x00, 0x00]));
        // The number inside a long item or another item is no usage page.
        assert!(!is_fido(&[0xFE, 0x03, 0x00, 0x06, 0xD0, 0xF1]));
        assert!(!is_fido(&[0x0A, 0xD0, 0xF1]));
        assert!(!is_fido(&[0x06, 0xD0]));
    }

    proptest! {
        #[test]
        fn foreign_descriptors_never_panic(bytes: Vec<u8>) {
            let _ = is_fido(&bytes);
        }
    }
}
