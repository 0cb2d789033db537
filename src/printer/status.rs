//! What a printer says of itself while a page is sent, and after it. Printers lie, and many say nothing: a status is
//! told and written down, and only what people see on paper counts.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::PrintProgress;

/// How often a printer is asked.
const LOOK: Duration = Duration::from_secs(1);
/// How often at most after a page of which it says that something is wrong.
const LOOKS: usize = 3;

/// What a printer's status byte says (GET_PORT_STATUS, USB printer class 1.1, section 4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Selected, without an error, with paper.
    Well,
    /// Out of paper.
    OutOfPaper,
    /// Off line, or an error such as an open cover.
    Trouble,
}

impl Status {
    const NO_ERROR: u8 = 1 << 3;
    const SELECTED: u8 = 1 << 4;
    const PAPER_EMPTY: u8 = 1 << 5;

    /// Reads the byte.
    #[must_use]
    pub fn of(byte: u8) -> Self {
        let well = Self::NO_ERROR | Self::SELECTED;
        if byte & Self::PAPER_EMPTY != 0 {
            Self::OutOfPaper
        } else if byte & well == well {
            Self::Well
        } else {
            Self::Trouble
        }
    }
}

/// Something that can be asked for its status while it is written to.
pub trait Gauge: Sync {
    /// The status now; an error means that it gives none.
    fn status(&self) -> io::Result<Status>;
}

/// Does some work and tells meanwhile, once a second, that there is no paper.
pub fn watched<T>(gauge: &dyn Gauge, tell: &(dyn Fn(PrintProgress) + Sync), work: impl FnOnce() -> T) -> T {
    let (end, ended) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || watch(gauge, tell, &ended, LOOK));
        let done = work();
        drop(end);
        done
    })
}

fn watch(gauge: &dyn Gauge, tell: &dyn Fn(PrintProgress), ended: &Receiver<()>, every: Duration) {
    let mut is_out = false;
    while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        // A printer that does not answer keeps the driver busy for seconds each time: it is not asked again.
        let Ok(status) = gauge.status() else { return };
        if status == Status::OutOfPaper {
            tell(PrintProgress::OutOfPaper);
        } else if is_out {
            tell(PrintProgress::PaperAgain);
        }
        is_out = status == Status::OutOfPaper;
    }
}

/// What it says when it has taken a page: well twice, a second apart, or what it says after three looks.
///
/// `None` when it says nothing. With `once` it is asked once and not waited for.
pub fn after_page(gauge: &dyn Gauge, once: bool, wait: &mut dyn FnMut(Duration)) -> Option<Status> {
    let mut status = gauge.status().ok()?;
    for _ in 1..if once { 1 } else { LOOKS } {
        let before = status;
        wait(LOOK);
        status = gauge.status().ok()?;
        if (before, status) == (Status::Well, Status::Well) {
            break;
        }
    }
    Some(status)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Answers in this order, and then no more.
    struct Says(Mutex<Vec<Status>>);

    impl Says {
        fn new(answers: &[Status]) -> Self {
            Self(Mutex::new(answers.iter().rev().copied().collect()))
        }

        fn left(&self) -> usize {
            self.0.lock().unwrap().len()
        }
    }

    impl Gauge for Says {
        fn status(&self) -> io::Result<Status> {
            let next = self.0.lock().map_err(|_| io::ErrorKind::Other)?.pop();
            next.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
        }
    }

    use Status::{OutOfPaper, Trouble, Well};

    #[test]
    fn bits_say_what_the_class_says() {
        assert_eq!(Status::of(0x18), Well);
        assert_eq!(Status::of(0x38), OutOfPaper);
        // Printers without paper go off line, some with an error besides.
        assert_eq!(Status::of(0x20), OutOfPaper);
        for byte in [0x00, 0x08, 0x10] {
            assert_eq!(Status::of(byte), Trouble, "{byte:#x}");
        }
        assert_eq!(Status::of(0x18 | 0x07), Well, "reserved bits say nothing");
    }

    #[test]
    fn a_lack_of_paper_is_told_while_it_lasts() {
        let gauge = Says::new(&[Well, OutOfPaper, OutOfPaper, Well, Well]);
        let (_end, ended) = channel();
        let told = Mutex::new(Vec::new());
        // It ends with the answers: who says nothing is not asked again.
        watch(
            &gauge,
            &|progress| told.lock().unwrap().push(progress),
            &ended,
            Duration::ZERO,
        );
        let lack = PrintProgress::OutOfPaper;
        assert_eq!(*told.lock().unwrap(), [lack, lack, PrintProgress::PaperAgain]);
    }

    #[test]
    fn nobody_is_asked_when_the_work_is_done_at_once() {
        let gauge = Says::new(&[OutOfPaper]);
        let told = Mutex::new(Vec::new());
        let done = watched(&gauge, &|progress| told.lock().unwrap().push(progress), || 7);
        assert_eq!((done, gauge.left()), (7, 1));
        assert!(told.lock().unwrap().is_empty());
    }

    #[test]
    fn a_page_ends_well_after_a_second_and_ill_after_two() {
        let asked = |answers: &[Status], once| {
            let gauge = Says::new(answers);
            let mut waited = 0;
            let status = after_page(&gauge, once, &mut |time| waited += time.as_secs());
            (status, waited)
        };
        assert_eq!(asked(&[Well, Well, OutOfPaper], false), (Some(Well), 1));
        assert_eq!(asked(&[Trouble, Well, Well], false), (Some(Well), 2));
        assert_eq!(
            asked(&[Well, OutOfPaper, OutOfPaper], false),
            (Some(OutOfPaper), 2)
        );
        assert_eq!(asked(&[Trouble; 4], false), (Some(Trouble), 2));
        assert_eq!(asked(&[Well, OutOfPaper], true), (Some(Well), 0));
        assert_eq!(asked(&[], false), (None, 0));
        assert_eq!(asked(&[Well], false), (None, 1), "it fell silent");
    }
}
