//! Reconciliation and exceptions.

use super::Exception;
use super::flow::{BODY, Flow, LEADING, MARGIN};
use crate::paper::LayoutError;
use crate::paper::page::{Align, Millimetres, at};
use crate::paper::texts::filled;

/// Room for the number of an exception.
const INDENT: Millimetres = 7.0;

impl Flow<'_> {
    pub(super) fn reconciliation(&mut self) -> Result<(), LayoutError> {
        let (content, texts) = (self.content, self.texts);
        self.need(20.0);
        self.heading(&texts.reconciliation)?;
        let voided = u32::try_from(content.slips_voided.len()).unwrap_or(u32::MAX);
        let slips_agree = content.slips_sealed.checked_add(voided) == Some(content.slips_printed);
        let keys_agree = content.keys_prepared.checked_add(content.keys_rejected) == Some(content.keys_seen);
        let verdict = |agree| if agree { &texts.agrees } else { &texts.disagrees };
        let sum = |text: &str, names: [&str; 3], counts: [u32; 3], agree: bool| {
            let counts = counts.map(|count| count.to_string());
            let mut values: Vec<(&str, &str)> =
                names.into_iter().zip(counts.iter().map(String::as_str)).collect();
            values.push(("verdict", verdict(agree)));
            filled(text, &values)
        };
        let mut slips = sum(
            &texts.slips_sum,
            ["printed", "sealed", "voided"],
            [content.slips_printed, content.slips_sealed, voided],
            slips_agree,
        );
        if voided > 0 {
            let numbers: Vec<String> = content.slips_voided.iter().map(ToString::to_string).collect();
            let numbers = filled(&texts.voided, &[("slips", &numbers.join(", "))]);
            slips = format!("{slips} {numbers}");
        }
        let keys = sum(
            &texts.keys_sum,
            ["seen", "prepared", "rejected"],
            [content.keys_seen, content.keys_prepared, content.keys_rejected],
            keys_agree,
        );
        self.flowing("reconciliation", 0.0, &slips)?;
        self.flowing("reconciliation", 0.0, &keys)?;
        self.y += 1.5;
        Ok(())
    }

    pub(super) fn exceptions(&mut self) -> Result<(), LayoutError> {
        self.need(14.0);
        self.heading(&self.texts.exceptions)?;
        if self.content.exceptions.is_empty() {
            self.flowing("exceptions", 0.0, &self.texts.none)?;
        }
        for exception in &self.content.exceptions {
            self.exception(exception)?;
        }
        self.y += 1.5;
        Ok(())
    }

    /// Its number stands alone at the margin; what happened and the reason stay together.
    fn exception(&mut self, exception: &Exception) -> Result<(), LayoutError> {
        self.need(2.0 * LEADING);
        let number = format!("{}.", exception.number);
        self.page
            .write(at(MARGIN, self.y + 3.2), Align::Left, BODY, "exceptions", &number)?;
        let about = match exception.subject.as_str() {
            "" => exception.kind.clone(),
            subject => format!("{}, {subject}", exception.kind),
        };
        let text = format!("{about}: {}", exception.what);
        self.flowing("exceptions", INDENT, &text)?;
        if !exception.reason.is_empty() {
            self.flowing(
                "exceptions",
                INDENT,
                &filled(&self.texts.reason, &[("reason", &exception.reason)]),
            )?;
        }
        Ok(())
    }
}
