//! What a PIN leaves in a machine's memory: every form in which it may lie there, and a search through a whole dump.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use aho_corasick::AhoCorasick;
use bench::paper::{Bitmap, jobs};

use crate::{Error, Result, at};

/// Shortest stretch of a PIN that counts as found: an allocator may have written over the beginning of a freed copy.
const STRETCH: usize = 8;
/// Length of the pieces of a page that are looked for.
const PIECE: usize = 24;
/// Different bytes that a piece has at least: fewer are in any picture.
const VARIETY: usize = 8;
/// Pieces of a page that are looked for, spread evenly over it.
const PIECES: usize = 4000;
/// Memory is read in blocks; a block of zeros, as the kernel leaves what it frees, is passed over.
const BLOCK: usize = 4096;

/// The forms of one PIN and of its slip.
pub struct Traces {
    names: Vec<&'static str>,
    automaton: AhoCorasick,
    longest: usize,
}

impl Traces {
    /// All traces of a PIN of digits, and of the page it was printed on: `slip` is that page as the printer got it,
    /// `others` is everything else that was printed, whose pieces are no trace.
    pub fn of(pin: &str, slip: &[u8], others: &[u8]) -> Result<Self> {
        let digits: Vec<u8> = pin.bytes().filter(u8::is_ascii_digit).collect();
        if digits.len() != pin.len() || pin.len() < 2 * STRETCH {
            return Err(Error::Wrong("a PIN to look for has 16 digits or more".into()));
        }
        let mut patterns: Vec<(&'static str, Vec<u8>)> = Vec::new();
        for digits in digits.windows(STRETCH) {
            let wide = |unit: fn(u8) -> Vec<u8>| digits.iter().flat_map(|d| unit(*d)).collect();
            patterns.push(("text", digits.to_vec()));
            patterns.push(("UTF-16LE", wide(|d| vec![d, 0])));
            patterns.push(("UTF-16BE", wide(|d| vec![0, d])));
            patterns.push(("UTF-32LE", wide(|d| vec![d, 0, 0, 0])));
            patterns.push(("values", digits.iter().map(|d| d - b'0').collect()));
            patterns.push(("values as 32-bit numbers", wide(|d| vec![d - b'0', 0, 0, 0])));
        }
        // Four bytes occur anywhere by chance, six do not.
        for digits in digits.windows(12) {
            let packed = |high: usize, low: usize| {
                let pairs = digits.chunks(2);
                pairs.map(|p| (p[high] - b'0') << 4 | (p[low] - b'0')).collect()
            };
            patterns.push(("BCD", packed(0, 1)));
            patterns.push(("BCD, halves of bytes exchanged", packed(1, 0)));
        }
        for gap in [" ", "-", "  ", "\u{a0}", "\n"] {
            let groups: Vec<&str> = (0..pin.len() / 4).map(|n| &pin[4 * n..4 * n + 4]).collect();
            for pair in groups.windows(2) {
                patterns.push(("groups", pair.join(gap).into_bytes()));
            }
        }
        let number: u64 = pin[..16].parse().map_err(|_| Error::Wrong("no number".into()))?;
        patterns.push(("number", number.to_le_bytes().to_vec()));
        let foreign = pages(others)?;
        let foreign: BTreeSet<&[u8]> = foreign.iter().flat_map(|page| page.bits.windows(PIECE)).collect();
        let packed = pieces(slip, &|piece| !has(others, piece));
        patterns.extend(packed.into_iter().map(|piece| ("page, packed", piece)));
        for page in pages(slip)? {
            // A row may lie in memory at another place within its bytes than on paper.
            for shift in 0..8 {
                let rows = pieces(&shifted(&page.bits, shift), &|piece| !foreign.contains(piece));
                patterns.extend(rows.into_iter().map(|piece| ("page", piece)));
            }
        }
        Self::build(patterns)
    }

    /// Plain texts, each with its name: what a dump must hold if it is one.
    pub fn of_texts(texts: &[(&'static str, &[u8])]) -> Result<Self> {
        Self::build(texts.iter().map(|(name, text)| (*name, text.to_vec())).collect())
    }

    fn build(patterns: Vec<(&'static str, Vec<u8>)>) -> Result<Self> {
        let (names, texts): (Vec<_>, Vec<_>) = patterns.into_iter().unzip();
        let longest = texts.iter().map(Vec::len).max().unwrap_or(1);
        let automaton = AhoCorasick::new(&texts).map_err(|e| Error::Wrong(e.to_string()))?;
        Ok(Self {
            names,
            automaton,
            longest,
        })
    }

    /// Names of the forms that are looked for.
    #[must_use]
    pub fn forms(&self) -> Vec<&'static str> {
        let mut forms = self.names.clone();
        forms.dedup();
        forms.sort_unstable();
        forms.dedup();
        forms
    }

    /// What of it stands in `bytes`: form and place.
    #[must_use]
    pub fn found_in(&self, bytes: &[u8]) -> Vec<(&'static str, u64)> {
        let hits = self.automaton.find_overlapping_iter_of(bytes);
        hits.into_iter()
            .map(|(pattern, start)| (self.names[pattern], start as u64))
            .collect()
    }

    /// What of it stands in a file, such as a dump of a machine's memory.
    pub fn found_in_file(&self, path: &Path) -> Result<Vec<(&'static str, u64)>> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path).map_err(at(path))?);
        let zeros = [0_u8; BLOCK];
        let mut block = [0_u8; BLOCK];
        let mut found = Vec::new();
        // A run of blocks that are not all zeros, with enough zeros before it for what begins with some.
        let mut run: Vec<u8> = Vec::new();
        let (mut place, mut run_at) = (0_u64, 0_u64);
        loop {
            let is_end = file.read_exact(&mut block).is_err();
            let is_empty = is_end || block == zeros;
            if !is_empty {
                if run.is_empty() {
                    run_at = place;
                    run.extend_from_slice(&zeros[..self.longest]);
                }
                run.extend_from_slice(&block);
            } else if !run.is_empty() {
                run.extend_from_slice(&zeros[..self.longest]);
                let offset = |(name, at): (_, u64)| (name, (run_at + at).saturating_sub(self.longest as u64));
                found.extend(self.found_in(&run).into_iter().map(offset));
                run.clear();
            }
            if is_end {
                return Ok(found);
            }
            place += BLOCK as u64;
        }
    }
}

trait Overlapping {
    fn find_overlapping_iter_of(&self, bytes: &[u8]) -> Vec<(usize, usize)>;
}

impl Overlapping for AhoCorasick {
    fn find_overlapping_iter_of(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        self.find_overlapping_iter(bytes)
            .map(|hit| (hit.pattern().as_usize(), hit.start()))
            .collect()
    }
}

/// All sheets of what was printed.
fn pages(printed: &[u8]) -> Result<Vec<Bitmap>> {
    let jobs = jobs(printed).map_err(|e| Error::Wrong(e.to_string()))?;
    Ok(jobs.into_iter().flat_map(|job| job.pages).collect())
}

/// Pieces that are like nothing else: of enough different bytes, and `is_own`.
fn pieces(bytes: &[u8], is_own: &dyn Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
    let varied = |piece: &&[u8]| piece.iter().collect::<BTreeSet<_>>().len() >= VARIETY;
    let all: BTreeSet<&[u8]> = bytes.chunks_exact(PIECE).filter(varied).collect();
    let step = all.len().div_ceil(PIECES).max(1);
    let spread = all.into_iter().step_by(step).filter(|piece| is_own(piece));
    spread.map(<[u8]>::to_vec).collect()
}

/// The same bits, this many places further right.
fn shifted(bytes: &[u8], places: u32) -> Vec<u8> {
    let before = std::iter::once(&0).chain(bytes);
    let pairs = before
        .zip(bytes)
        .map(|(left, right)| u16::from_be_bytes([*left, *right]));
    pairs.map(|pair| (pair >> places).to_be_bytes()[1]).collect()
}

fn has(bytes: &[u8], wanted: &[u8]) -> bool {
    crate::evidence::occurrences(bytes, wanted) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "7391508264013795";

    fn forms(traces: &Traces, bytes: &[u8]) -> Vec<&'static str> {
        let mut forms: Vec<_> = traces.found_in(bytes).into_iter().map(|(form, _)| form).collect();
        forms.dedup();
        forms
    }

    #[test]
    fn every_form_of_a_pin_is_found_and_a_short_stretch_of_it_is_enough() {
        let traces = Traces::of(PIN, b"", b"").unwrap();
        let values: Vec<u8> = PIN.bytes().map(|d| d - b'0').collect();
        for (form, bytes) in [
            ("text", PIN.as_bytes().to_vec()),
            ("text", PIN.as_bytes()[5..13].to_vec()),
            ("UTF-16LE", PIN.bytes().flat_map(|d| [d, 0]).collect()),
            ("UTF-32LE", PIN.bytes().flat_map(|d| [d, 0, 0, 0]).collect()),
            ("values", values.clone()),
            ("BCD", vec![0x73, 0x91, 0x50, 0x82, 0x64, 0x01]),
            ("groups", b"7391 5082 6401 3795".to_vec()),
            ("number", 7_391_508_264_013_795_u64.to_le_bytes().to_vec()),
        ] {
            let around = [&b"before"[..], &bytes, b"after"].concat();
            assert!(forms(&traces, &around).contains(&form), "{form}");
        }
        assert!(forms(&traces, b"7391508 2640137 7391-5080").is_empty());
        assert!(Traces::of("73915082", b"", b"").is_err());
    }

    #[test]
    fn pieces_of_a_page_are_found_wherever_they_begin() {
        let page: Vec<u8> = (0..960_u32).map(|n| (n * n / 7).to_le_bytes()[0]).collect();
        let own = pieces(&page, &|_| true);
        assert!(own.len() > 20, "{}", own.len());
        assert!(own.iter().all(|piece| has(&page, piece)));
        assert!(pieces(&page, &|_| false).is_empty() && pieces(&[0; 960], &|_| true).is_empty());
        assert_eq!(
            shifted(&[0b1000_0001, 0b0100_0000], 1),
            [0b0100_0000, 0b1010_0000]
        );
    }

    #[test]
    fn a_file_is_searched_to_its_last_byte_and_across_blocks() {
        let traces = Traces::of(PIN, b"", b"").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory");
        for place in [0, 4090, 12_280, 5 * BLOCK - PIN.len()] {
            let mut memory = vec![0_u8; 5 * BLOCK];
            memory[place..place + PIN.len()].copy_from_slice(PIN.as_bytes());
            std::fs::write(&path, &memory).unwrap();
            let found = traces.found_in_file(&path).unwrap();
            assert_eq!(found.first(), Some(&("text", place as u64)));
        }
        std::fs::write(&path, vec![0_u8; 5 * BLOCK]).unwrap();
        assert_eq!(traces.found_in_file(&path).unwrap(), []);
    }
}
