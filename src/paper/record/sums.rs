//! Reconciliation and exceptions.

use super::flow::Flow;
use crate::paper::LayoutError;

impl Flow<'_> {
    pub(super) fn reconciliation(&mut self) -> Result<(), LayoutError> {
        let content = self.content;
        self.need(20.0);
        self.heading("Reconciliation")?;
        let voided = u32::try_from(content.slips_voided.len()).unwrap_or(u32::MAX);
        let slips_agree = content.slips_sealed.checked_add(voided) == Some(content.slips_printed);
        let keys_agree = content.keys_prepared.checked_add(content.keys_rejected) == Some(content.keys_seen);
        let verdict = |agree| if agree { "agrees" } else { "DOES NOT AGREE" };
        let mut slips = format!(
            "Slips: {} printed = {} sealed + {voided} voided: {}.",
            content.slips_printed,
            content.slips_sealed,
            verdict(slips_agree)
        );
        if voided > 0 {
            let numbers: Vec<String> = content.slips_voided.iter().map(ToString::to_string).collect();
            slips = format!("{slips} Voided: {}.", numbers.join(", "));
        }
        let keys = format!(
            "Keys: {} seen = {} prepared + {} rejected: {}.",
            content.keys_seen,
            content.keys_prepared,
            content.keys_rejected,
            verdict(keys_agree)
        );
        self.flowing("reconciliation", &slips)?;
        self.flowing("reconciliation", &keys)?;
        self.y += 1.5;
        Ok(())
    }

    pub(super) fn exceptions(&mut self) -> Result<(), LayoutError> {
        self.need(14.0);
        self.heading("Exceptions")?;
        if self.content.exceptions.is_empty() {
            self.flowing("exceptions", "None.")?;
        }
        for (index, exception) in self.content.exceptions.iter().enumerate() {
            self.flowing("exceptions", &format!("{}. {exception}", index + 1))?;
        }
        self.y += 1.5;
        Ok(())
    }
}
