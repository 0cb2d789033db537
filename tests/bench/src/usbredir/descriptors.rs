//! The descriptors of a full-speed device, built from what it is.

use crate::identity::UsbIdentity;
use crate::usbredir::codec::{Endpoint, Interfaces, Packet};

const FULL_SPEED: u8 = 1;
const CONTROL: u8 = 0;

/// Endpoint kinds.
pub(crate) const BULK: u8 = 2;
/// Endpoint kinds.
pub(crate) const INTERRUPT: u8 = 3;

/// One interface with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Class, subclass, protocol.
    pub class: [u8; 3],
    /// A class descriptor that stands between interface and endpoints, such as HID's.
    pub extra: Vec<u8>,
    /// Endpoint address, kind, interval, maximum packet size.
    pub endpoints: Vec<(u8, u8, u8, u16)>,
}

/// Everything a host reads of a device before it uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// Numbers and strings.
    pub identity: UsbIdentity,
    /// Its interfaces, numbered in this order.
    pub interfaces: Vec<Interface>,
}

impl Descriptors {
    /// Answers GET_DESCRIPTOR for the standard descriptors of the device; `None` is a stall.
    #[must_use]
    pub fn standard(&self, value: u16) -> Option<Vec<u8>> {
        let [kind, index] = value.to_be_bytes();
        match (kind, index) {
            (1, 0) => Some(self.device()),
            (2, 0) => Some(self.configuration()),
            (3, index) => self.string(index),
            _ => None,
        }
    }

    /// The packets that announce the device, in the order that QEMU wants.
    #[must_use]
    pub fn announcement(&self) -> [Packet; 3] {
        let list = self.interfaces.iter().zip(0..).map(|(interface, number)| {
            let [class, subclass, protocol] = interface.class;
            [number, class, subclass, protocol]
        });
        let mut endpoints: Vec<Endpoint> = [0x00, 0x80]
            .map(|address| Endpoint {
                address,
                kind: CONTROL,
                interval: 0,
                interface: 0,
                max_packet: 64,
            })
            .to_vec();
        for (interface, number) in self.interfaces.iter().zip(0..) {
            for &(address, kind, interval, max_packet) in &interface.endpoints {
                endpoints.push(Endpoint {
                    address,
                    kind,
                    interval,
                    interface: number,
                    max_packet,
                });
            }
        }
        let UsbIdentity {
            vendor,
            product,
            release,
            ..
        } = self.identity;
        [
            Packet::Interfaces(Interfaces { list: list.collect() }),
            Packet::Endpoints(endpoints),
            Packet::Connect {
                head: [FULL_SPEED, 0, 0, 0],
                vendor,
                product,
                release,
            },
        ]
    }

    fn device(&self) -> Vec<u8> {
        let UsbIdentity {
            vendor,
            product,
            release,
            serial,
            ..
        } = &self.identity;
        let mut bytes = vec![18, 1, 0x00, 0x02, 0, 0, 0, 64];
        for field in [vendor, product, release] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.extend_from_slice(&[1, 2, if serial.is_some() { 3 } else { 0 }, 1]);
        bytes
    }

    fn configuration(&self) -> Vec<u8> {
        const BUS_POWERED: u8 = 0x80;
        let count = u8::try_from(self.interfaces.len()).expect("a handful of interfaces");
        let mut bytes = vec![9, 2, 0, 0, count, 1, 0, BUS_POWERED, 50];
        for (interface, number) in self.interfaces.iter().zip(0u8..) {
            let endpoints = u8::try_from(interface.endpoints.len()).expect("a handful of endpoints");
            let [class, subclass, protocol] = interface.class;
            bytes.extend_from_slice(&[9, 4, number, 0, endpoints, class, subclass, protocol, 0]);
            bytes.extend_from_slice(&interface.extra);
            for &(address, kind, interval, max_packet) in &interface.endpoints {
                let [low, high] = max_packet.to_le_bytes();
                bytes.extend_from_slice(&[7, 5, address, kind, low, high, interval]);
            }
        }
        let total = u16::try_from(bytes.len()).expect("a short configuration");
        bytes[2..4].copy_from_slice(&total.to_le_bytes());
        bytes
    }

    fn string(&self, index: u8) -> Option<Vec<u8>> {
        const ENGLISH: [u8; 2] = [0x09, 0x04];
        let text = match index {
            0 => return Some([&[4, 3][..], &ENGLISH].concat()),
            1 => &self.identity.manufacturer_text,
            2 => &self.identity.product_text,
            3 => self.identity.serial.as_ref()?,
            _ => return None,
        };
        let mut bytes = vec![0, 3];
        text.encode_utf16()
            .take(126)
            .for_each(|unit| bytes.extend_from_slice(&unit.to_le_bytes()));
        bytes[0] = u8::try_from(bytes.len()).expect("126 units and a head fit a byte");
        Some(bytes)
    }
}

/// Makes the HID descriptor of an interface with a report descriptor of this length.
pub(crate) fn hid(report_descriptor: usize) -> Vec<u8> {
    let [low, high] = u16::try_from(report_descriptor)
        .expect("a short report descriptor")
        .to_le_bytes();
    vec![9, 0x21, 0x11, 0x01, 0, 1, 0x22, low, high]
}
