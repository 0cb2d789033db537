//! The printing process: lays out, renders and writes; answers with counts, never with page bytes.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::raster::{Glyphs, NotDrawn};
use super::sink::{self, Device, Sink};
use super::spool::Spool;
use super::{Language, Offset, PrintError, PrintProgress, Printed, labels, language, pjl, status};
use crate::paper::page::Page;
use crate::paper::{Document, LayoutError, slip};
use crate::secret::{Pin, Secret};
use crate::worker::child::Reporter;

/// What the child is asked for; a slip's PIN comes in the secret frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What to print; not flattened, because members of a document may be named like those below.
    pub document: Document,
    /// What to print in.
    pub language: Language,
    /// Whether the printer wants its language announced.
    #[serde(default)]
    pub pjl: bool,
    /// How far the pages are moved.
    #[serde(default)]
    pub offset: Offset,
}

/// The word to go on: where the printer is by then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Go {
    /// The printer's device node.
    pub node: PathBuf,
}

/// The worker task `print`: lays out and renders at once, writes to the printer when told to.
pub fn work(request: &[u8], secret: Secret<Vec<u8>>, reporter: &mut Reporter) -> Result<Vec<u8>, Vec<u8>> {
    let printed = serde_json::from_slice::<Request>(request)
        .map_err(|error| PrintError::Worker(error.to_string()))
        .and_then(|request| render(&request, secret))
        .and_then(|job| {
            let word = reporter.wait_go().ok_or(PrintError::Cancelled)?;
            let go: Go = serde_json::from_slice(&word).map_err(|e| PrintError::Worker(e.to_string()))?;
            let device = Device::open(&go.node)?;
            print(&job, &device, reporter)
        });
    let fault = |_| Vec::new();
    match printed {
        Ok(printed) => serde_json::to_vec(&printed).map_err(fault),
        Err(error) => Err(serde_json::to_vec(&error).unwrap_or_else(fault)),
    }
}

/// Writes a job, while a second thread asks the printer how it is.
fn print(job: &Job, device: &Device, reporter: &mut Reporter) -> Result<Printed, PrintError> {
    let stop = Arc::clone(reporter.stop());
    let reporter = Mutex::new(reporter);
    let tell = |progress: PrintProgress| {
        if let Ok(event) = serde_json::to_vec(&progress) {
            // An event is written whole or the parent is gone: there is nothing to mend.
            let mut reporter = reporter.lock().unwrap_or_else(PoisonError::into_inner);
            reporter.event(&event);
        }
    };
    let mut printed = status::watched(device, &tell, || {
        job.send(&mut &*device, &stop, &mut |progress| tell(progress))
    })?;
    printed.status = status::after_page(device, !job.is_secret, &mut std::thread::sleep);
    Ok(printed)
}

/// A document in the printer's language; it can hold a PIN, and is wiped.
pub(crate) struct Job {
    bytes: Spool,
    pages: usize,
    /// Whether a PIN is on it: then it matters most what became of it.
    is_secret: bool,
}

impl Job {
    /// Sends it to any sink; the only sink in production is a printer's device node.
    pub(crate) fn send(
        &self,
        sink: &mut dyn Sink,
        stop: &AtomicBool,
        tell: &mut dyn FnMut(PrintProgress),
    ) -> Result<Printed, PrintError> {
        let (pages, bytes) = (self.pages, self.bytes.len());
        tell(PrintProgress::Rendered { pages, bytes });
        sink::send(sink, &self.bytes, stop, tell)?;
        Ok(Printed {
            pages,
            bytes,
            status: None,
        })
    }
}

/// Lays a document out and renders it.
pub(crate) fn render(request: &Request, secret: Secret<Vec<u8>>) -> Result<Job, PrintError> {
    let language = request.language;
    if !secret.expose().is_empty() && !language.may_carry_pin() {
        return Err(PrintError::PinRefused(language.name().to_owned()));
    }
    // Whatever the PIN will be, its characters are drawn before it is looked at.
    let drawn_before = request
        .document
        .takes_pin()
        .then(|| drawn_for_a_pin(&request.document, secret.expose().len()));
    let pin = pin(&secret)?;
    drop(secret);
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
    let mut pages = pages.map_err(PrintError::Layout)?;
    for page in &mut pages {
        request.offset.apply(page);
    }
    let rendered = match drawn_before {
        _ if language.is_for_labels() => labels_of(request, &pages),
        Some(glyphs) => language.render_drawn(&pages, &glyphs?),
        None => language.render(&pages),
    };
    let rendered = rendered.map_err(|error| PrintError::Worker(error.to_string()))?;
    let mut bytes = rendered.ok_or_else(|| PrintError::UnsupportedLanguage {
        printer: "The printer".to_owned(),
        commands: vec![language.name().to_owned()],
        supported: Language::supported().map(|l| l.name().to_owned()).collect(),
    })?;
    if request.pjl {
        bytes = pjl::wrap(language, bytes);
    }
    Ok(Job {
        bytes,
        pages: pages.len(),
        is_secret: pin.is_some(),
    })
}

/// Pictures of all that a document shows with some other PIN, and of every character that a PIN of this length
/// can have.
fn drawn_for_a_pin(document: &Document, length: usize) -> Result<Glyphs, PrintError> {
    let pages = document.stand_in_pages().map_err(PrintError::Layout)?;
    let mut glyphs = Glyphs::of(&pages, language::RESOLUTION);
    for style in slip::pin_styles(length) {
        glyphs.draw(style, '!'..='~');
    }
    Ok(glyphs)
}

/// The labels of a roll; `None` of any other document.
fn labels_of(request: &Request, pages: &[Page]) -> Result<Option<Spool>, NotDrawn> {
    let Document::Labels(sheet) = &request.document else {
        return Ok(None);
    };
    labels::render(request.language, sheet, pages).map_err(NotDrawn::from)
}

/// The PIN, if one was sent.
fn pin(secret: &Secret<Vec<u8>>) -> Result<Option<Pin>, PrintError> {
    if secret.expose().is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(secret.expose()).map_err(|_| PrintError::Layout(LayoutError::Pin))?;
    Ok(Some(Secret::new(text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CeremonyId, LabelId, SlipNumber};
    use crate::paper::label::LabelSheet;
    use crate::paper::page::PaperSize;
    use crate::paper::slip::{SlipContent, SlipPart};
    use crate::paper::stock::Stock;
    use crate::secret;

    struct Memory(Vec<u8>);

    impl Sink for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }
    }

    fn request(document: Document, language: Language) -> Request {
        Request {
            document,
            language,
            pjl: true,
            offset: Offset::default(),
        }
    }

    fn print_to(
        sink: &mut dyn Sink,
        request: &Request,
        secret: Secret<Vec<u8>>,
        tell: &mut dyn FnMut(PrintProgress),
    ) -> Result<Printed, PrintError> {
        render(request, secret)?.send(sink, &AtomicBool::new(false), tell)
    }

    fn slip() -> Document {
        Document::Slip(SlipContent {
            slip: SlipNumber::new(1).unwrap(),
            label: LabelId::draw(&mut |bytes| bytes.fill(1)),
            account: None,
            ceremony: CeremonyId::draw(&mut |bytes| bytes.fill(2)),
            date: "2026-11-22".into(),
            custodian: "Custodian".into(),
            paper: PaperSize::A4,
            part: SlipPart::Whole,
            text_language: crate::language::Language::default(),
        })
    }

    fn pin_bytes() -> Secret<Vec<u8>> {
        Secret::new(b"90417263".to_vec())
    }

    #[test]
    fn tells_what_is_rendered_and_sent_and_answers_with_counts() {
        let mut sink = Memory(Vec::new());
        let mut told = Vec::new();
        let printed = print_to(
            &mut sink,
            &request(slip(), Language::Pcl5),
            pin_bytes(),
            &mut |p| {
                told.push(p);
            },
        )
        .unwrap();
        assert_eq!((printed.pages, printed.bytes), (1, sink.0.len()));
        assert_eq!(
            told[0],
            PrintProgress::Rendered {
                pages: 1,
                bytes: sink.0.len()
            }
        );
        let last = PrintProgress::Sent {
            bytes: sink.0.len(),
            of: sink.0.len(),
        };
        assert_eq!(told.last(), Some(&last));
        assert!(sink.0.starts_with(b"\x1b%-12345X@PJL JOB\r\n"));
        assert!(sink.0.ends_with(b"@PJL EOJ\r\n\x1b%-12345X"));
    }

    #[test]
    fn a_pin_goes_with_a_slip_only_and_not_in_every_language() {
        let mut sink = Memory(Vec::new());
        let labels = || Document::Labels(LabelSheet::new(Stock::named("L7651").unwrap(), 1, Vec::new()));
        let mut print =
            |request: Request, pin: Secret<Vec<u8>>| print_to(&mut sink, &request, pin, &mut |_| {});
        let mismatch = Err(PrintError::Layout(LayoutError::PinMismatch));
        assert_eq!(
            print(request(slip(), Language::Pcl5), secret::with_capacity(0)),
            mismatch
        );
        assert_eq!(print(request(labels(), Language::Pcl5), pin_bytes()), mismatch);
        assert!(matches!(
            print(request(slip(), Language::HostBased), pin_bytes()),
            Err(PrintError::PinRefused(_))
        ));
        assert!(matches!(
            print(request(labels(), Language::HostBased), secret::with_capacity(0)),
            Err(PrintError::UnsupportedLanguage { .. })
        ));
        assert!(sink.0.is_empty());
    }

    #[test]
    fn pins_of_every_length_have_their_pictures() {
        for length in [4, 16, 17, 20, 40, 60, 63] {
            let pin = Secret::new(vec![b'7'; length]);
            assert!(render(&request(slip(), Language::Pwg), pin).is_ok(), "{length}");
        }
    }

    #[test]
    fn a_refused_pin_is_not_told() {
        let mut sink = Memory(Vec::new());
        let secret = Secret::new(b"90 17\xc3\xa9".to_vec());
        let error = print_to(&mut sink, &request(slip(), Language::Pcl5), secret, &mut |_| {}).unwrap_err();
        assert_eq!(error, PrintError::Layout(LayoutError::Pin));
        assert_eq!(serde_json::to_string(&error).unwrap(), r#"{"Layout":"Pin"}"#);
    }

    #[test]
    fn requests_read_back_as_written() {
        let pages = Document::Test(crate::paper::test_page::TestPages {
            printer: "Bench Laser".into(),
            language: "PCL 5".into(),
            date: "2026-11-22".into(),
            moved: String::new(),
            paper: PaperSize::A4,
        });
        for (document, name) in [(slip(), "slip"), (pages, "test")] {
            let request = request(document, Language::Pcl5);
            let json = serde_json::to_string(&request).unwrap();
            assert!(json.contains(&format!(r#""document":"{name}""#)), "{json}");
            assert_eq!(serde_json::from_str::<Request>(&json).unwrap(), request);
        }
    }
}
