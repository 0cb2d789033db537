//! Run-length coding of rows: PackBits, which PCL calls method 2 and PostScript `RunLengthDecode`.

/// Longest run of either kind.
const LONGEST: usize = 128;

/// A piece of a row, of 1 to 128 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run<'a> {
    /// This byte, so many times.
    Equal(u8, u8),
    /// These bytes, in which no two neighbours are equal.
    Different(&'a [u8]),
}

/// Cuts a row into runs.
pub(super) fn runs(mut row: &[u8]) -> impl Iterator<Item = Run<'_>> {
    std::iter::from_fn(move || {
        let first = *row.first()?;
        let limit = row.len().min(LONGEST);
        let equal = row[..limit].iter().take_while(|byte| **byte == first).count();
        let count = if equal > 1 {
            equal
        } else {
            let pair = row[..limit].windows(2).position(|pair| pair[0] == pair[1]);
            pair.unwrap_or(limit)
        };
        let (run, rest) = row.split_at(count);
        row = rest;
        Some(if equal > 1 {
            Run::Equal(first, u8::try_from(count).unwrap_or(u8::MAX))
        } else {
            Run::Different(run)
        })
    })
}

/// Bytes that a row of this length can need at most.
pub(super) fn worst(length: usize) -> usize {
    2 * length + 2
}

/// Appends a coded row; `out` has room for [`worst`].
pub(super) fn encode(row: &[u8], out: &mut Vec<u8>) {
    for run in runs(row) {
        match run {
            Run::Equal(byte, count) => out.extend([1_u8.wrapping_sub(count), byte]),
            Run::Different(bytes) => {
                out.push(u8::try_from(bytes.len() - 1).unwrap_or(u8::MAX));
                out.extend_from_slice(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_the_example_of_the_tiff_specification() {
        let row = [
            0xfe, 0xff, 0x80, 0x00, 0x2a, 0x22, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa,
        ];
        let mut coded = Vec::new();
        encode(&row, &mut coded);
        assert_eq!(coded, [&[0x08], &row[..9], &[0xfd, 0xaa]].concat());
    }

    proptest! {
        #[test]
        fn runs_are_the_row_and_fit_their_count(
            row in proptest::collection::vec(prop_oneof![Just(0_u8), Just(0xff), any::<u8>()], 0..700),
        ) {
            let mut coded = Vec::new();
            encode(&row, &mut coded);
            prop_assert!(coded.len() <= worst(row.len()));
            let mut again = Vec::new();
            for run in runs(&row) {
                match run {
                    Run::Equal(byte, count) => {
                        prop_assert!((2..=128).contains(&count));
                        again.extend(std::iter::repeat_n(byte, count.into()));
                    }
                    Run::Different(bytes) => {
                        prop_assert!((1..=128).contains(&bytes.len()));
                        again.extend_from_slice(bytes);
                    }
                }
            }
            prop_assert_eq!(again, row);
        }
    }
}
