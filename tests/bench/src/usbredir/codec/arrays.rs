//! The two packets that list things: one row per interface, and 32 places for endpoints by address.

use crate::usbredir::codec::{half, word};

/// What the interfaces of a device are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interfaces {
    /// Number, class, subclass, protocol of each.
    pub list: Vec<[u8; 4]>,
}

/// What one endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address with direction bit.
    pub address: u8,
    /// 0 control, 1 isochronous, 2 bulk, 3 interrupt.
    pub kind: u8,
    /// Polling interval.
    pub interval: u8,
    /// The interface it belongs to.
    pub interface: u8,
    /// Maximum packet size.
    pub max_packet: u16,
}

/// The place of an endpoint in usbredir's arrays.
fn place(address: u8) -> usize {
    usize::from((address & 0x80) >> 3 | address & 0x0f)
}

pub(super) fn encode_interfaces(interfaces: &Interfaces) -> Vec<u8> {
    let count = u32::try_from(interfaces.list.len().min(32)).expect("at most 32");
    let mut body = vec![0; 4 + 4 * 32];
    body[..4].copy_from_slice(&count.to_le_bytes());
    for (row, interface) in interfaces.list.iter().take(32).enumerate() {
        for (column, value) in interface.iter().enumerate() {
            body[4 + 32 * column + row] = *value;
        }
    }
    body
}

pub(super) fn decode_interfaces(body: &[u8]) -> Option<Interfaces> {
    let body = body.get(..4 + 4 * 32)?;
    let count = usize::try_from(word(body, 0)).ok()?.min(32);
    let list = (0..count)
        .map(|row| [0, 1, 2, 3].map(|column| body[4 + 32 * column + row]))
        .collect();
    Some(Interfaces { list })
}

pub(super) fn encode_endpoints(endpoints: &[Endpoint]) -> Vec<u8> {
    const NONE: u8 = 255;
    let mut body = vec![0; 5 * 32];
    body[..32].fill(NONE);
    for endpoint in endpoints {
        let at = place(endpoint.address);
        body[at] = endpoint.kind;
        body[32 + at] = endpoint.interval;
        body[64 + at] = endpoint.interface;
        body[96 + 2 * at..][..2].copy_from_slice(&endpoint.max_packet.to_le_bytes());
    }
    body
}

pub(super) fn decode_endpoints(body: &[u8]) -> Option<Vec<Endpoint>> {
    let body = body.get(..5 * 32)?;
    let addresses = (0x00..0x10).chain(0x80..0x90);
    let used = addresses.filter(|address| body[place(*address)] != 255);
    used.map(|address| {
        let at = place(address);
        Some(Endpoint {
            address,
            kind: body[at],
            interval: body[32 + at],
            interface: body[64 + at],
            max_packet: half(body, 96 + 2 * at)?,
        })
    })
    .collect()
}
