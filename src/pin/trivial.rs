//! PINs that people try first.
//!
//! A drawn PIN is as unlikely to be one of these as any other, so leaving them out adds no strength worth naming. It keeps
//! a thief's eight tries from being the ones that come to mind, and it keeps models with a list of their own from refusing
//! what is printed already. Dates are not left out: there are too many of them for eight tries (one in ten of all
//! six-digit PINs is one), and whoever looks for dates finds nothing in a PIN that stands for no day.

use crate::plan::Alphabet;

/// Ways over a keypad or keyboard: rows, columns, diagonals, rounds; read in both directions and again from the start.
const PATTERNS: [&str; 14] = [
    "147258369",
    "741852963",
    "789654123",
    "147852369",
    "321654987",
    "123654789",
    "12369874",
    "1478963",
    "159357",
    "159753",
    "147369",
    "258",
    "2580",
    "QWERTY",
];

/// Other PINs at the top of published lists and of the lists inside some models.
const WELL_KNOWN: [&str; 8] = [
    "520520", "520131", "5201314", "142857", "314159", "31415926", "271828", "27182818",
];

/// Tells whether a PIN is one that people try first.
///
/// That is: a block repeated; equal steps up or down, each character alone or repeated (`24680246`, `112233`); the
/// same from either end; a way over the keypad; a well-known number.
#[must_use]
pub fn is_trivial(pin: &str) -> bool {
    let pin = pin.as_bytes();
    let repeats = |block: usize| pin.chunks(block).all(|c| c == &pin[..c.len()]);
    let palindrome = pin.iter().eq(pin.iter().rev());
    palindrome
        || (1..=pin.len() / 2).any(repeats)
        || Alphabet::ALL
            .iter()
            .any(|alphabet| is_row(pin, alphabet.characters()))
        || PATTERNS.iter().any(|pattern| is_on(pin, pattern.as_bytes()))
        || WELL_KNOWN.iter().any(|known| known.as_bytes() == pin)
}

/// Equal steps through `order`, which begins again at its end; each character once, or each twice, and so on.
fn is_row(pin: &[u8], order: &str) -> bool {
    let place = |character: &u8| order.bytes().position(|other| other == *character);
    let row = |run: usize| {
        let runs = pin.chunks(run);
        let whole = runs
            .clone()
            .all(|chunk| chunk.len() == run && chunk.iter().all(|c| c == &chunk[0]));
        let mut places = runs.map(|chunk| place(&chunk[0]));
        let mut steps = places.clone().zip(places.by_ref().skip(1)).map(|(from, to)| {
            let (from, to) = (from?, to?);
            Some((to + order.len() - from) % order.len())
        });
        let first = steps.next().flatten();
        whole && first.is_some() && steps.all(|step| step == first)
    };
    (1..=pin.len() / 2).any(row)
}

/// Whether a PIN is a stretch of `pattern`, which begins again at its end, in either direction.
fn is_on(pin: &[u8], pattern: &[u8]) -> bool {
    let along = |start: usize| pin.iter().eq(pattern.iter().cycle().skip(start).take(pin.len()));
    let against = |start: usize| {
        pin.iter()
            .eq(pattern.iter().rev().cycle().skip(start).take(pin.len()))
    };
    (0..pattern.len()).any(|start| along(start) || against(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::{draw, kernel_random};
    use crate::plan::PinPolicy;
    use proptest::prelude::*;

    #[test]
    fn trivial_pins_are_known() {
        for pin in [
            "00000000", "12345678", "87654321", "78901234", "12121212", "12341234", "12344321", "123123",
            "24680246", "112233", "11223344", "998877", "111222", "147258", "14725836", "963852", "369258",
            "789654", "12369874", "159357", "159753", "357951", "25802580", "2580258", "142857", "520520",
            "AAAAAA", "ACDEFG", "YXWTRQ", "QWERTY", "YTREWQ", "34679A", "AACCDD", "3A3A3A", "ACDDCA",
        ] {
            assert!(is_trivial(pin), "{pin}");
        }
    }

    #[test]
    fn others_pass() {
        for pin in [
            "73915082", "12345679", "10000000", "12345687", "19870412", "240787", "112234", "1122335",
            "147259", "520521", "ACDEFH", "QWERTX", "H7KQ3M", "AACCDE",
        ] {
            assert!(!is_trivial(pin), "{pin}");
        }
    }

    #[test]
    fn texts_that_are_no_pin_are_no_trouble() {
        for text in ["", "1", "é", "日本日本", "12", "a b"] {
            let _ = is_trivial(text);
        }
    }

    /// The shortest PINs lose the largest part; every 17th of them is counted, a prime that no repetition is a multiple of.
    #[test]
    fn hardly_anything_is_left_out_of_the_shortest_pins() {
        let mut pin = String::with_capacity(6);
        let mut trivial = 0;
        for number in (0..1_000_000_u32).step_by(17) {
            pin.clear();
            std::fmt::Write::write_fmt(&mut pin, format_args!("{number:06}")).unwrap();
            trivial += u32::from(is_trivial(&pin));
        }
        // 1 in 500 are palindromes or a block repeated; 3 in 1000 would be more than the rules say.
        assert!((100..=176).contains(&trivial), "{trivial}");
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text: String) {
            let _ = is_trivial(&text);
        }

        #[test]
        fn a_repeated_or_mirrored_pin_is_trivial(alphabet in proptest::sample::select(&Alphabet::ALL[..])) {
            let pin = draw(PinPolicy { length: 8, alphabet }, &mut kernel_random).unwrap();
            let text = pin.expose();
            prop_assert!(!is_trivial(text));
            let twice = text.repeat(2);
            let mirrored = format!("{text}{}", text.chars().rev().collect::<String>());
            prop_assert!(is_trivial(&twice), "{}", twice);
            prop_assert!(is_trivial(&mirrored), "{}", mirrored);
        }
    }
}
