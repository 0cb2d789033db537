//! What may be plugged in: a device's own descriptors in, a verdict out. Knows no sysfs and opens nothing.
//!
//! Only what a ceremony needs is let in, interface by interface: security keys, printers, sticks, hubs, and the
//! keyboards that were there first. A device that could type besides doing something else is refused whole.

use std::fmt;

/// Class of hubs (USB 2.0, 11.23.1).
const HUB: u8 = 0x09;
/// Class of human interface devices (HID 1.11, 4.1).
const HID: u8 = 0x03;
/// Class of printers (USB printer class 1.1, 4.2).
const PRINTER: u8 = 0x07;
/// Class, subclass and protocol of a stick: mass storage, SCSI transparent command set, bulk-only transport.
const STICK: [u8; 3] = [0x08, 0x06, 0x50];
/// Class, subclass and protocol of a keyboard with boot protocol (HID 1.11, 4.2 and 4.3).
const KEYBOARD: [u8; 3] = [HID, 0x01, 0x01];

/// Length of a device descriptor.
const DEVICE_LENGTH: usize = 18;
/// Types of descriptors (USB 2.0, table 9-5).
const DEVICE: u8 = 1;
const CONFIGURATION: u8 = 2;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;
/// Direction bit of an endpoint's address, and the transfer type "interrupt" of its attributes (USB 2.0, 9.6.6).
const IN: u8 = 0x80;
const INTERRUPT: u8 = 0x03;

/// Where an interface stands: configuration value and interface number, which make its name in sysfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// `bConfigurationValue`.
    pub configuration: u8,
    /// `bInterfaceNumber`.
    pub interface: u8,
}

/// One setting of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// Where it stands.
    pub place: Place,
    /// `bAlternateSetting`; drivers are bound to setting 0.
    pub setting: u8,
    /// Class, subclass, protocol.
    pub class: [u8; 3],
    /// Whether it has interrupt endpoints into the host, and out of it.
    pub interrupts: (bool, bool),
}

/// What a device says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `bDeviceClass`.
    pub class: u8,
    /// Every setting of every interface in every configuration.
    pub interfaces: Vec<Interface>,
}

/// The bytes are no description of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl Description {
    /// Reads the descriptors of a device as the kernel hands them out: the device's, then each configuration whole.
    ///
    /// Within a configuration the rest is skipped from the first descriptor that is too short, as the kernel does.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (device, mut rest) = bytes.split_at_checked(DEVICE_LENGTH).ok_or(Unreadable)?;
        if device[1] != DEVICE {
            return Err(Unreadable);
        }
        let mut interfaces = Vec::new();
        while let [_, CONFIGURATION, low, high, _, value, ..] = *rest {
            let length = usize::from(u16::from_le_bytes([low, high]));
            let (whole, next) = rest.split_at_checked(length.max(9)).unwrap_or((rest, &[]));
            interfaces.extend(settings(value, whole));
            rest = next;
        }
        if rest.is_empty() {
            Ok(Self {
                class: device[4],
                interfaces,
            })
        } else {
            Err(Unreadable)
        }
    }

    /// The interfaces as drivers find them.
    fn first_settings(&self) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(|i| i.setting == 0)
    }
}

/// The interface settings of one configuration.
fn settings(configuration: u8, mut bytes: &[u8]) -> Vec<Interface> {
    let mut found: Vec<Interface> = Vec::new();
    while let [length, kind, ..] = *bytes {
        let Some((descriptor, next)) = bytes
            .split_at_checked(usize::from(length))
            .filter(|_| length >= 2)
        else {
            break;
        };
        match (kind, descriptor) {
            (INTERFACE, [_, _, interface, setting, _, class, subclass, protocol, ..]) => {
                found.push(Interface {
                    place: Place {
                        configuration,
                        interface: *interface,
                    },
                    setting: *setting,
                    class: [*class, *subclass, *protocol],
                    interrupts: (false, false),
                });
            }
            (ENDPOINT, [_, _, address, attributes, ..]) if attributes & INTERRUPT == INTERRUPT => {
                if let Some(last) = found.last_mut() {
                    let (into, out) = &mut last.interrupts;
                    *(if address & IN == IN { into } else { out }) = true;
                }
            }
            _ => {}
        }
        bytes = next;
    }
    found
}

/// What an interface is let in as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A hub.
    Hub,
    /// A printer.
    Printer,
    /// A stick.
    Stick,
    /// A keyboard.
    Keyboard,
    /// What has the endpoints of a security key (CTAP 2.1, 11.2.8.1); only its report descriptor tells whether it is one.
    PerhapsKey,
}

impl Part {
    fn of(device_class: u8, interface: Interface) -> Option<Self> {
        match interface.class {
            [HUB, ..] if device_class == HUB => Some(Self::Hub),
            [PRINTER, ..] => Some(Self::Printer),
            STICK => Some(Self::Stick),
            KEYBOARD => Some(Self::Keyboard),
            [HID, 0, 0] if interface.interrupts == (true, true) => Some(Self::PerhapsKey),
            _ => None,
        }
    }
}

/// Why a device is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A keyboard, and there is one.
    SecondKeyboard,
    /// A security key that is a keyboard as well.
    KeyThatTypes,
    /// It said that it is no keyboard, and the kernel found keys that it could press.
    HiddenKeyboard,
    /// A mouse, a game pad, or anything else of its kind.
    InputDevice,
    /// Nothing of it is needed; the class of its first interface.
    NotNeeded(u8),
    /// Its descriptors make no sense, or it does not answer.
    Unreadable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecondKeyboard => f.write_str("it is a keyboard, and there is one already"),
            Self::KeyThatTypes => f.write_str("it is also a keyboard or another input device"),
            Self::HiddenKeyboard => f.write_str("it is a keyboard that does not say so"),
            Self::InputDevice => f.write_str("it is an input device that no ceremony needs"),
            Self::NotNeeded(class) => write!(f, "no ceremony needs {}", class_name(*class)),
            Self::Unreadable => f.write_str("what it says of itself cannot be read"),
        }
    }
}

impl Refusal {
    /// What the officer can do now.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::SecondKeyboard => {
                "Take it out. To use this keyboard or scanner, plug it in before the station is switched on."
            }
            Self::KeyThatTypes => {
                "It could answer in your place. Take it out. If it is a security key that you trust, switch its keyboard off \
                 on another machine (YubiKey: ykman config usb --disable OTP), then put it in again."
            }
            Self::HiddenKeyboard => {
                "Take it out and keep it apart: a device that hides what it is was made to deceive. What was typed at that \
                 moment was thrown away; type your answer again."
            }
            Self::InputDevice | Self::NotNeeded(_) => "Take it out. It has no connection to the station.",
            Self::Unreadable => {
                "Take it out. Try another socket once; if it is refused again, use another device."
            }
        }
    }
}

fn class_name(class: u8) -> &'static str {
    match class {
        0x01 => "a sound device",
        0x02 | 0x0A => "a network adapter or modem",
        0x06 => "a camera or telephone",
        0x08 => "a storage device of this kind",
        0x0B => "a smart card reader",
        0x0E | 0x10 => "a video device",
        0xE0 => "a wireless adapter",
        _ => "a device of this kind",
    }
}

/// What to do with a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Let these interfaces in, and no other one.
    Admit(Vec<(Place, Part)>),
    /// Let nothing in.
    Refuse(Refusal),
}

/// Judges a device by its descriptors.
///
/// `keyboard_wanted` says whether a keyboard is let in now. A keyboard that also has what may be a security key is
/// admitted with that part alone: what it really is shows its report descriptor ([`judge_looked_at`]).
#[must_use]
pub fn judge(device: &Description, keyboard_wanted: bool) -> Verdict {
    let parts: Vec<(Place, Part)> = device
        .first_settings()
        .filter_map(|i| Some((i.place, Part::of(device.class, *i)?)))
        .collect();
    let has = |part: Part| parts.iter().any(|(_, p)| *p == part);
    // A driver can be moved to another setting: none of them may be more than the first one shows.
    let input_devices = device
        .interfaces
        .iter()
        .filter(|i| i.class[0] == HID && (i.setting > 0 || Part::of(device.class, **i).is_none()))
        .count();
    if has(Part::Keyboard) {
        let only = |part: Part| parts.iter().copied().filter(|(_, p)| *p == part).collect();
        return match (keyboard_wanted, has(Part::PerhapsKey)) {
            (true, true) => Verdict::Admit(only(Part::PerhapsKey)),
            (true, false) => Verdict::Admit(only(Part::Keyboard)),
            (false, true) => Verdict::Refuse(Refusal::KeyThatTypes),
            (false, false) => Verdict::Refuse(Refusal::SecondKeyboard),
        };
    }
    if input_devices > 0 {
        return Verdict::Refuse(if has(Part::PerhapsKey) {
            Refusal::KeyThatTypes
        } else {
            Refusal::InputDevice
        });
    }
    if parts.is_empty() {
        let class = device.interfaces.first().map_or(device.class, |i| i.class[0]);
        return Verdict::Refuse(Refusal::NotNeeded(class));
    }
    Verdict::Admit(parts)
}

/// The interfaces of a device that are keyboards.
#[must_use]
pub fn keyboards(device: &Description) -> Vec<(Place, Part)> {
    let keyboards = device
        .first_settings()
        .filter(|i| Part::of(device.class, **i) == Some(Part::Keyboard));
    keyboards.map(|i| (i.place, Part::Keyboard)).collect()
}

/// What the kernel found in an interface that may be a security key, once a driver had read its report descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// Whether its usage page is FIDO's.
    pub is_fido: bool,
    /// Whether the kernel made an input device of it: keys or buttons that it could press.
    pub is_input: bool,
}

/// Judges a device again when its interfaces that may be security keys have been looked at.
#[must_use]
pub fn judge_looked_at(device: &Description, looked: &[Looked], keyboard_wanted: bool) -> Verdict {
    let keyboards = keyboards(device);
    let is_key = looked.iter().any(|l| l.is_fido);
    let types = looked.iter().any(|l| l.is_input);
    let others = looked.iter().any(|l| !l.is_fido);
    match (is_key, keyboards.is_empty()) {
        // A keyboard with something of its maker's own beside it, for lights or settings.
        (false, false) if keyboard_wanted => Verdict::Admit(keyboards),
        (false, false) => Verdict::Refuse(Refusal::SecondKeyboard),
        (true, false) => Verdict::Refuse(Refusal::KeyThatTypes),
        (_, true) if types => Verdict::Refuse(Refusal::HiddenKeyboard),
        (true, true) if others => Verdict::Refuse(Refusal::KeyThatTypes),
        (false, true) => Verdict::Refuse(Refusal::InputDevice),
        (true, true) => judge(device, false),
    }
}

#[cfg(test)]
mod tests;
