//! The printing process: lays out, renders and writes; answers with counts, never with page bytes.

use std::path::PathBuf;

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::sink::{self, Device, Sink};
use super::{Language, PrintError, PrintProgress, Printed, pjl};
use crate::paper::{Document, LayoutError};
use crate::secret::{Pin, Secret};
use crate::worker::child::Reporter;

/// What the child is asked for; a slip's PIN comes in the secret frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What to print.
    #[serde(flatten)]
    pub document: Document,
    /// The printer's device node.
    pub node: PathBuf,
    /// What to print in.
    pub language: Language,
    /// Whether the printer wants its language announced.
    #[serde(default)]
    pub pjl: bool,
}

/// The worker task `print`.
pub fn work(request: &[u8], secret: Secret<Vec<u8>>, reporter: &mut Reporter) -> Result<Vec<u8>, Vec<u8>> {
    let mut tell = |progress| {
        if let Ok(event) = serde_json::to_vec(&progress) {
            reporter.event(&event);
        }
    };
    let printed = serde_json::from_slice::<Request>(request)
        .map_err(|error| PrintError::Worker(error.to_string()))
        .and_then(|request| {
            // The node first: no page is made for a printer that is not there.
            let mut device = Device::open(&request.node)?;
            print_to(&mut device, &request, secret, &mut tell)
        });
    let fault = |_| Vec::new();
    match printed {
        Ok(printed) => serde_json::to_vec(&printed).map_err(fault),
        Err(error) => Err(serde_json::to_vec(&error).unwrap_or_else(fault)),
    }
}

/// Prints into any sink; the only sink in production is a printer's device node.
pub(crate) fn print_to(
    sink: &mut dyn Sink,
    request: &Request,
    secret: Secret<Vec<u8>>,
    tell: &mut dyn FnMut(PrintProgress),
) -> Result<Printed, PrintError> {
    let pin = pin(secret)?;
    if pin.is_some() && !request.language.may_carry_pin() {
        return Err(PrintError::PinRefused(request.language.name().to_owned()));
    }
    let kernel = SystemRandom::new();
    let mut drawn = Ok(());
    let mut random = |bytes: &mut [u8]| {
        if kernel.fill(bytes).is_err() {
            drawn = Err(PrintError::Worker("the kernel gives no random numbers".into()));
            bytes.fill(0);
        }
    };
    let pages = request.document.pages(pin.as_ref(), &mut random);
    drawn?;
    let pages = pages.map_err(PrintError::Layout)?;
    let rendered = request.language.render(&pages);
    let mut job = Secret::new(rendered.ok_or_else(|| PrintError::UnsupportedLanguage {
        printer: request.node.display().to_string(),
        commands: vec![request.language.name().to_owned()],
        supported: Language::supported().map(|l| l.name().to_owned()).collect(),
    })?);
    if request.pjl {
        job = Secret::new(pjl::wrap(request.language, job.expose()));
    }
    let of = job.expose().len();
    tell(PrintProgress::Rendered {
        pages: pages.len(),
        bytes: of,
    });
    sink::send(sink, job.expose(), &mut |bytes| {
        tell(PrintProgress::Sent { bytes, of });
    })?;
    Ok(Printed {
        pages: pages.len(),
        bytes: of,
    })
}

/// The PIN, if one was sent.
fn pin(secret: Secret<Vec<u8>>) -> Result<Option<Pin>, PrintError> {
    if secret.expose().is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(secret.expose()).map_err(|_| PrintError::Layout(LayoutError::Pin))?;
    Ok(Some(Secret::new(text.to_owned())))
}
