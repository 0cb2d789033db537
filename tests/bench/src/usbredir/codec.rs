//! The packets of the usbredir protocol, little endian and packed, as far as keys and printers need them.
//!
//! Layouts follow the capabilities announced in [`CAPABILITIES`]; a hello has a shorter header than all others,
//! because capabilities are not known yet.

mod arrays;

use std::io::{self, Read};

pub use crate::usbredir::codec::arrays::{Endpoint, Interfaces};

/// Capabilities 1 (device version), 4 (maximum packet sizes), 5 (64-bit ids) and 6 (32-bit bulk lengths).
pub const CAPABILITIES: u32 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6;

/// More than any transfer of ours; a longer packet is a broken stream.
const LIMIT: usize = 1 << 20;

/// Transfer status: done.
pub const OK: u8 = 0;
/// Transfer status: cancelled.
pub const CANCELLED: u8 = 1;
/// Transfer status: stalled.
pub const STALL: u8 = 4;

/// One transfer on the control endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Endpoint with direction bit.
    pub endpoint: u8,
    /// bRequest.
    pub request: u8,
    /// bmRequestType.
    pub request_type: u8,
    /// Outcome, in answers.
    pub status: u8,
    /// wValue.
    pub value: u16,
    /// wIndex.
    pub index: u16,
    /// wLength.
    pub length: u16,
    /// Data of the transfer.
    pub data: Vec<u8>,
}

/// One usbredir packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// 0.
    Hello {
        /// Who speaks.
        version: String,
        /// The first word of capabilities.
        capabilities: u32,
    },
    /// 1.
    Connect {
        /// Speed, class, subclass, protocol.
        head: [u8; 4],
        /// Vendor id.
        vendor: u16,
        /// Product id.
        product: u16,
        /// Device release.
        release: u16,
    },
    /// 2.
    Disconnect,
    /// 3.
    Reset,
    /// 4.
    Interfaces(Interfaces),
    /// 5.
    Endpoints(Vec<Endpoint>),
    /// 6.
    SetConfiguration(u8),
    /// 7.
    GetConfiguration,
    /// 8: status, configuration.
    ConfigurationStatus(u8, u8),
    /// 9: interface, alternate setting.
    SetAltSetting(u8, u8),
    /// 10: interface.
    GetAltSetting(u8),
    /// 11: status, interface, alternate setting.
    AltSettingStatus(u8, u8, u8),
    /// 15: endpoint.
    StartInterrupt(u8),
    /// 16: endpoint.
    StopInterrupt(u8),
    /// 17: status, endpoint.
    InterruptStatus(u8, u8),
    /// 21; the header's id names the packet.
    Cancel,
    /// 100.
    Control(Control),
    /// 101.
    Bulk {
        /// Endpoint with direction bit.
        endpoint: u8,
        /// Outcome, in answers.
        status: u8,
        /// Length asked for or done.
        length: u32,
        /// Data of the transfer.
        data: Vec<u8>,
    },
    /// 103.
    Interrupt {
        /// Endpoint with direction bit.
        endpoint: u8,
        /// Outcome, in answers.
        status: u8,
        /// Length asked for or done.
        length: u16,
        /// Data of the transfer.
        data: Vec<u8>,
    },
    /// Anything else, by its type.
    Other(u32),
}

impl Packet {
    /// Encodes the packet with its header.
    #[must_use]
    pub fn encode(&self, id: u64) -> Vec<u8> {
        let body = self.body();
        let length = u32::try_from(body.len()).expect("packets of ours are small");
        let mut bytes = [self.kind().to_le_bytes(), length.to_le_bytes()].concat();
        match self {
            // Capabilities are not known yet, so this id has its old width.
            Self::Hello { .. } => bytes.extend_from_slice(&0u32.to_le_bytes()),
            _ => bytes.extend_from_slice(&id.to_le_bytes()),
        }
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Reads the hello that opens a stream.
    ///
    /// # Errors
    ///
    /// The stream ends, or begins with something else.
    pub fn read_hello(stream: &mut impl Read) -> io::Result<Self> {
        let mut header = [0; 12];
        stream.read_exact(&mut header)?;
        match Self::read_body(stream, word(&header, 0), word(&header, 4))? {
            hello @ Self::Hello { .. } => Ok(hello),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a usbredir stream begins with a hello",
            )),
        }
    }

    /// Reads the next packet and its id.
    ///
    /// # Errors
    ///
    /// The stream ends, or a packet has less than its layout or more than a megabyte.
    pub fn read(stream: &mut impl Read) -> io::Result<(u64, Self)> {
        let mut header = [0; 16];
        stream.read_exact(&mut header)?;
        let id = u64::from(word(&header, 8)) | u64::from(word(&header, 12)) << 32;
        Ok((id, Self::read_body(stream, word(&header, 0), word(&header, 4))?))
    }

    fn read_body(stream: &mut impl Read, kind: u32, length: u32) -> io::Result<Self> {
        let length = usize::try_from(length).ok().filter(|length| *length <= LIMIT);
        let length =
            length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this packet is too long"))?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Self::decode(kind, &body)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("packet {kind} is cut short")))
    }

    fn decode(kind: u32, body: &[u8]) -> Option<Self> {
        let byte = |at: usize| body.get(at).copied();
        Some(match kind {
            0 => Self::Hello {
                version: text(body.get(..64)?),
                capabilities: if body.len() >= 68 { word(body, 64) } else { 0 },
            },
            1 => Self::Connect {
                head: body.get(..4)?.try_into().ok()?,
                vendor: half(body, 4)?,
                product: half(body, 6)?,
                release: half(body, 8)?,
            },
            2 => Self::Disconnect,
            3 => Self::Reset,
            4 => Self::Interfaces(arrays::decode_interfaces(body)?),
            5 => Self::Endpoints(arrays::decode_endpoints(body)?),
            6 => Self::SetConfiguration(byte(0)?),
            7 => Self::GetConfiguration,
            8 => Self::ConfigurationStatus(byte(0)?, byte(1)?),
            9 => Self::SetAltSetting(byte(0)?, byte(1)?),
            10 => Self::GetAltSetting(byte(0)?),
            11 => Self::AltSettingStatus(byte(0)?, byte(1)?, byte(2)?),
            15 => Self::StartInterrupt(byte(0)?),
            16 => Self::StopInterrupt(byte(0)?),
            17 => Self::InterruptStatus(byte(0)?, byte(1)?),
            21 => Self::Cancel,
            100 => Self::Control(Control {
                endpoint: byte(0)?,
                request: byte(1)?,
                request_type: byte(2)?,
                status: byte(3)?,
                value: half(body, 4)?,
                index: half(body, 6)?,
                length: half(body, 8)?,
                data: body.get(10..)?.to_vec(),
            }),
            101 => Self::Bulk {
                endpoint: byte(0)?,
                status: byte(1)?,
                length: u32::from(half(body, 2)?) | u32::from(half(body, 8)?) << 16,
                data: body.get(10..)?.to_vec(),
            },
            103 => Self::Interrupt {
                endpoint: byte(0)?,
                status: byte(1)?,
                length: half(body, 2)?,
                data: body.get(4..)?.to_vec(),
            },
            other => Self::Other(other),
        })
    }

    fn kind(&self) -> u32 {
        match self {
            Self::Hello { .. } => 0,
            Self::Connect { .. } => 1,
            Self::Disconnect => 2,
            Self::Reset => 3,
            Self::Interfaces(_) => 4,
            Self::Endpoints(_) => 5,
            Self::SetConfiguration(_) => 6,
            Self::GetConfiguration => 7,
            Self::ConfigurationStatus(..) => 8,
            Self::SetAltSetting(..) => 9,
            Self::GetAltSetting(_) => 10,
            Self::AltSettingStatus(..) => 11,
            Self::StartInterrupt(_) => 15,
            Self::StopInterrupt(_) => 16,
            Self::InterruptStatus(..) => 17,
            Self::Cancel => 21,
            Self::Control(_) => 100,
            Self::Bulk { .. } => 101,
            Self::Interrupt { .. } => 103,
            Self::Other(kind) => *kind,
        }
    }

    fn body(&self) -> Vec<u8> {
        match self {
            Self::Hello {
                version,
                capabilities,
            } => {
                let mut body = vec![0; 64];
                let length = version.len().min(63);
                body[..length].copy_from_slice(&version.as_bytes()[..length]);
                body.extend_from_slice(&capabilities.to_le_bytes());
                body
            }
            Self::Connect {
                head,
                vendor,
                product,
                release,
            } => {
                let mut body = head.to_vec();
                for field in [vendor, product, release] {
                    body.extend_from_slice(&field.to_le_bytes());
                }
                body
            }
            Self::Interfaces(interfaces) => arrays::encode_interfaces(interfaces),
            Self::Endpoints(endpoints) => arrays::encode_endpoints(endpoints),
            Self::Disconnect | Self::Reset | Self::GetConfiguration | Self::Cancel | Self::Other(_) => {
                Vec::new()
            }
            Self::SetConfiguration(one)
            | Self::GetAltSetting(one)
            | Self::StartInterrupt(one)
            | Self::StopInterrupt(one) => vec![*one],
            Self::ConfigurationStatus(one, two)
            | Self::SetAltSetting(one, two)
            | Self::InterruptStatus(one, two) => vec![*one, *two],
            Self::AltSettingStatus(one, two, three) => vec![*one, *two, *three],
            Self::Control(control) => {
                let mut body = vec![
                    control.endpoint,
                    control.request,
                    control.request_type,
                    control.status,
                ];
                for field in [control.value, control.index, control.length] {
                    body.extend_from_slice(&field.to_le_bytes());
                }
                body.extend_from_slice(&control.data);
                body
            }
            Self::Bulk {
                endpoint,
                status,
                length,
                data,
            } => {
                let length = length.to_le_bytes();
                let mut body = vec![
                    *endpoint, *status, length[0], length[1], 0, 0, 0, 0, length[2], length[3],
                ];
                body.extend_from_slice(data);
                body
            }
            Self::Interrupt {
                endpoint,
                status,
                length,
                data,
            } => {
                let length = length.to_le_bytes();
                let mut body = vec![*endpoint, *status, length[0], length[1]];
                body.extend_from_slice(data);
                body
            }
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_survives_writing_and_reading() {
        let endpoint = |address, kind| Endpoint {
            address,
            kind,
            interval: 5,
            interface: 1,
            max_packet: 64,
        };
        let control = Control {
            endpoint: 0x80,
            request: 6,
            request_type: 0x80,
            status: 0,
            value: 0x0100,
            index: 0,
            length: 8,
            data: vec![1, 2],
        };
        let packets = [
            Packet::Connect {
                head: [1, 0, 0, 0],
                vendor: 0x1209,
                product: 1,
                release: 0x100,
            },
            Packet::Disconnect,
            Packet::Reset,
            Packet::Interfaces(Interfaces {
                list: vec![[0, 3, 0, 0], [1, 3, 1, 1]],
            }),
            Packet::Endpoints(vec![
                endpoint(0, 0),
                endpoint(1, 3),
                endpoint(0x80, 0),
                endpoint(0x81, 3),
            ]),
            Packet::SetConfiguration(1),
            Packet::GetConfiguration,
            Packet::ConfigurationStatus(0, 1),
            Packet::SetAltSetting(0, 1),
            Packet::GetAltSetting(1),
            Packet::AltSettingStatus(0, 1, 0),
            Packet::StartInterrupt(0x81),
            Packet::StopInterrupt(0x81),
            Packet::InterruptStatus(0, 0x81),
            Packet::Cancel,
            Packet::Control(control),
            Packet::Bulk {
                endpoint: 1,
                status: 0,
                length: 0x0001_2345,
                data: vec![7; 99],
            },
            Packet::Interrupt {
                endpoint: 0x81,
                status: 0,
                length: 64,
                data: vec![9; 64],
            },
            Packet::Other(22),
        ];
        for packet in packets {
            let bytes = packet.encode(0x1_0000_0007);
            assert_eq!(
                Packet::read(&mut bytes.as_slice()).unwrap(),
                (0x1_0000_0007, packet)
            );
        }
    }

    #[test]
    fn the_hello_has_a_short_header() {
        let hello = Packet::Hello {
            version: "bench".to_owned(),
            capabilities: CAPABILITIES,
        };
        let bytes = hello.encode(0);
        assert_eq!(bytes.len(), 12 + 64 + 4);
        assert_eq!(bytes[76..], 0x72u32.to_le_bytes());
        assert_eq!(Packet::read_hello(&mut bytes.as_slice()).unwrap(), hello);
    }

    #[test]
    fn refuses_cut_and_huge_packets() {
        let cut = [100u32.to_le_bytes(), 3u32.to_le_bytes(), [0; 4], [0; 4]].concat();
        assert!(Packet::read(&mut [cut.as_slice(), &[0, 0, 0]].concat().as_slice()).is_err());
        let huge = [100u32.to_le_bytes(), u32::MAX.to_le_bytes(), [0; 4], [0; 4]].concat();
        assert!(Packet::read(&mut huge.as_slice()).is_err());
    }
}
