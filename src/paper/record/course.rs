//! What the ceremony was to be, and where it was interrupted.

use super::flow::Flow;
use crate::manifest::schema::PinCustody;
use crate::paper::LayoutError;
use crate::paper::texts::filled;

impl Flow<'_> {
    /// Title, custody and PIN policy.
    pub(super) fn policy(&mut self) -> Result<(), LayoutError> {
        let (content, texts) = (self.content, self.texts);
        self.heading(&texts.ceremony)?;
        let custody = match content.custody {
            PinCustody::Manifest => &texts.custody_manifest,
            PinCustody::Slip => &texts.custody_slip,
            PinCustody::Rotate => &texts.custody_rotate,
        };
        self.flowing("title", 0.0, &content.title)?;
        self.flowing(
            "PIN custody",
            0.0,
            &filled(&texts.custody, &[("custody", custody)]),
        )?;
        if !content.pin_policy.is_empty() {
            self.flowing(
                "PIN policy",
                0.0,
                &filled(&texts.pins, &[("policy", &content.pin_policy)]),
            )?;
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
        let texts = self.texts;
        self.heading(&texts.stops)?;
        for stop in stops {
            let resumed = match &stop.resumed {
                Some(at) => filled(&texts.resumed_at, &[("resumed", at)]),
                None => texts.not_resumed.clone(),
            };
            let kind = if stop.cut { &texts.cut_at } else { &texts.paused_at };
            let when = filled(kind, &[("stopped", &stop.stopped), ("resumed", &resumed)]);
            let text = format!("{when} {}", stop.found);
            self.flowing("interruptions", 0.0, &text)?;
        }
        self.y += 1.5;
        Ok(())
    }
}
