//! What the ceremony was to be, and where it was interrupted.

use super::flow::Flow;
use crate::manifest::schema::PinCustody;
use crate::paper::LayoutError;

impl Flow<'_> {
    /// Title, custody and PIN policy.
    pub(super) fn policy(&mut self) -> Result<(), LayoutError> {
        let content = self.content;
        self.heading("Ceremony")?;
        let custody = match content.custody {
            PinCustody::Manifest => "each PIN is on its slip and, encrypted, in the manifest",
            PinCustody::Slip => "each PIN is on its slip alone",
            PinCustody::Rotate => {
                "the manifest holds transport PINs; a second pass replaces them and prints the slips"
            }
        };
        self.flowing("title", 0.0, &content.title)?;
        self.flowing("PIN custody", 0.0, &format!("PIN custody: {custody}."))?;
        if !content.pin_policy.is_empty() {
            self.flowing("PIN policy", 0.0, &format!("PINs: {}", content.pin_policy))?;
        }
        self.y += 1.5;
        Ok(())
    }

    /// Pauses and power cuts.
    pub(super) fn interruptions(&mut self) -> Result<(), LayoutError> {
        let stops = &self.content.interruptions;
        if stops.is_empty() {
            return Ok(());
        }
        self.need(14.0);
        self.heading("Pauses and restarts")?;
        for stop in stops {
            let kind = if stop.cut {
                "Power cut or crash after"
            } else {
                "Paused at"
            };
            let resumed = match &stop.resumed {
                Some(at) => format!("taken up again at {at} UTC"),
                None => "not taken up again".into(),
            };
            let text = format!("{kind} {} UTC, {resumed}. {}", stop.stopped, stop.found);
            self.flowing("interruptions", 0.0, &text)?;
        }
        self.y += 1.5;
        Ok(())
    }
}
