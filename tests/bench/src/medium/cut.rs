//! A power cut: at which request, and what becomes of that request.

use std::collections::VecDeque;
use std::fmt;

/// A request that changes the stick, or has changes made lasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Bytes from this place on.
    Write {
        /// In bytes from the image's start.
        offset: u64,
        /// What is to be there.
        data: &'a [u8],
    },
    /// All acknowledged writes must survive from now on.
    Flush,
}

/// What becomes of the request at which the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Nothing,
    /// This many bytes of a write.
    Begin(usize),
    Everything,
}

/// What the test wants done at once.
pub(super) type Hook = Box<dyn FnOnce() + Send>;

type Stage = Box<dyn FnMut(&Request<'_>) -> bool + Send>;

/// When the power fails, and what is lost by it; without further words the request itself is not applied.
pub struct Cut {
    stages: VecDeque<Stage>,
    pub(super) keep: Keep,
    pub(super) unflushed_lost: bool,
    pub(super) hook: Option<Hook>,
}

impl Cut {
    /// Cuts at the first request that fits.
    #[must_use]
    pub fn when(fits: impl FnMut(&Request<'_>) -> bool + Send + 'static) -> Self {
        Self {
            stages: VecDeque::from([Box::new(fits) as Stage]),
            keep: Keep::Nothing,
            unflushed_lost: false,
            hook: None,
        }
    }

    /// Cuts at the n-th write from now on, counted from 1.
    #[must_use]
    pub fn at_write(n: u64) -> Self {
        Self::when(nth(n, is_write))
    }

    /// Cuts at the n-th flush from now on, counted from 1.
    #[must_use]
    pub fn at_flush(n: u64) -> Self {
        Self::when(nth(n, is_flush))
    }

    /// Cuts at the first write in which these bytes stand.
    ///
    /// They must lie within one write. A growing file's last block is written again with each line, and its directory
    /// entry (the new length) in another write, mostly after it.
    #[must_use]
    pub fn at_text(text: &[u8]) -> Self {
        let text = text.to_vec();
        Self::when(move |request| match request {
            Request::Write { data, .. } => contains(data, &text),
            Request::Flush => false,
        })
    }

    /// Lets that request pass, and cuts at the n-th write after it.
    #[must_use]
    pub fn then_write(self, n: u64) -> Self {
        self.then(nth(n, is_write))
    }

    /// Lets that request pass, and cuts at the n-th flush after it.
    #[must_use]
    pub fn then_flush(self, n: u64) -> Self {
        self.then(nth(n, is_flush))
    }

    /// Lets that request pass, and cuts at the first one after it that fits.
    #[must_use]
    pub fn then(mut self, fits: impl FnMut(&Request<'_>) -> bool + Send + 'static) -> Self {
        self.stages.push_back(Box::new(fits));
        self
    }

    /// Has the request applied whole; it is still not acknowledged.
    #[must_use]
    pub fn applied(mut self) -> Self {
        self.keep = Keep::Everything;
        self
    }

    /// Has only the first bytes of the write applied; real sticks tear at multiples of 512.
    #[must_use]
    pub fn torn(mut self, bytes: usize) -> Self {
        self.keep = Keep::Begin(bytes);
        self
    }

    /// Takes back all writes since the last flush, as a stick with a volatile cache may lose them.
    #[must_use]
    pub fn unflushed_lost(mut self) -> Self {
        self.unflushed_lost = true;
        self
    }

    /// Does this at once when the power fails, such as killing the machine; it must not wait for the medium.
    #[must_use]
    pub fn and_then(mut self, hook: impl FnOnce() + Send + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// Looks at the next request; true means that the power fails at it.
    pub(super) fn falls_on(&mut self, request: &Request<'_>) -> bool {
        if self.stages.front_mut().is_some_and(|fits| fits(request)) {
            self.stages.pop_front();
            return self.stages.is_empty();
        }
        false
    }
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cut")
            .field("stages", &self.stages.len())
            .field("keep", &self.keep)
            .field("unflushed_lost", &self.unflushed_lost)
            .finish_non_exhaustive()
    }
}

fn is_write(request: &Request<'_>) -> bool {
    matches!(request, Request::Write { .. })
}

fn is_flush(request: &Request<'_>) -> bool {
    matches!(request, Request::Flush)
}

fn nth(n: u64, fits: fn(&Request<'_>) -> bool) -> impl FnMut(&Request<'_>) -> bool + Send + 'static {
    let mut seen = 0;
    move |request| {
        seen += u64::from(fits(request));
        seen == n && fits(request)
    }
}

fn contains(data: &[u8], text: &[u8]) -> bool {
    text.is_empty() || data.windows(text.len()).any(|part| part == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(data: &[u8]) -> Request<'_> {
        Request::Write { offset: 0, data }
    }

    /// The place in the list at which the cut falls.
    fn place(mut cut: Cut, requests: &[Request<'_>]) -> Option<usize> {
        requests.iter().position(|request| cut.falls_on(request))
    }

    #[test]
    fn falls_on_the_request_that_was_named() {
        let requests = [
            write(b"one"),
            Request::Flush,
            write(b"\0two\0"),
            write(b"dir"),
            Request::Flush,
            write(b"two"),
        ];
        let cases = [
            (Cut::at_write(1), Some(0)),
            (Cut::at_write(3), Some(3)),
            (Cut::at_write(5), None),
            (Cut::at_flush(2), Some(4)),
            (Cut::at_text(b"two"), Some(2)),
            (Cut::at_text(b"three"), None),
            (Cut::at_text(b"two").then_write(1), Some(3)),
            (Cut::at_text(b"two").then_flush(1), Some(4)),
            (Cut::at_flush(1).then(|_| true).then_write(2), Some(5)),
            (Cut::when(|request| request == &write(b"dir")), Some(3)),
        ];
        for (number, (cut, expected)) in cases.into_iter().enumerate() {
            assert_eq!(place(cut, &requests), expected, "case {number}");
        }
    }
}
