//! Batches of keys in one ceremony on the real image: no key is taken for another, and none costs more than the first.
//!
//! `GLASSKEY_IMAGE` is the folder with `glasskey-serial.bzImage`; without it, `target/image` of this repository.

use std::io::Write as _;

use rehearsal::built;
use rehearsal::many::{self, Batch, Custody, Outcome};

/// How much more a key may cost at the end of a batch than at its beginning.
const MOST_GROWTH: f64 = 1.1;
/// Pages of memory that may stay in use for each key prepared: its lines of the transcript, twice over, and what the
/// manifest will say of it.
const MOST_PAGES: u64 = 8;

fn hold(keys: usize, custody: Custody, look_every: Option<usize>) -> Outcome {
    let kernel = built::image(built::SERIAL_KERNEL);
    let batch = Batch {
        keys,
        custody,
        kernel: &kernel,
        look_every,
    };
    let played = many::hold(&batch).and_then(|outcome| outcome.check(custody).map(|()| outcome));
    played.unwrap_or_else(|error| panic!("{error}"))
}

/// Shows figures, whatever the test harness does with what tests print.
fn show(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[test]
fn twelve_keys_are_never_taken_for_one_another() {
    let outcome = hold(12, Custody::Slip, None);
    let (wall, cpu) = outcome.growth(4).unwrap_or_else(|error| panic!("{error}"));
    show(&outcome.table().unwrap_or_else(|error| panic!("{error}")));
    show(&format!(
        "last 4 keys against the first 4: {wall:.2} of the time, {cpu:.2} of the CPU time"
    ));
}

/// The figures of docs/benchmarks.md. `BATCH_KEYS` is another number of keys than 200.
#[test]
#[ignore = "a batch of 200 keys takes twenty minutes; docs/benchmarks.md has its figures"]
fn two_hundred_keys_cost_no_more_each_than_twenty() {
    let keys = std::env::var("BATCH_KEYS").map_or(200, |n| n.parse().expect("a number of keys"));
    let outcome = hold(keys, Custody::Manifest, Some(10));
    let (wall, cpu) = outcome
        .growth((keys / 10).max(1))
        .unwrap_or_else(|error| panic!("{error}"));
    let pages = outcome.pages();
    show(&outcome.table().unwrap_or_else(|error| panic!("{error}")));
    show(&format!(
        "last tenth against the first: {wall:.3} of the time, {cpu:.3} of the CPU time"
    ));
    for (keys, pages) in &pages {
        show(&format!("{keys:>4} keys: {pages} pages in use"));
    }
    for key in [0, 1, keys / 2 + 1, keys - 1] {
        show(&format!("key {}: {:?}", key + 1, outcome.requests_of(key)));
    }
    assert!(wall < MOST_GROWTH && cpu < MOST_GROWTH, "{wall} {cpu}");
    // What is started once is in memory after the first ten keys.
    let (Some((first, before)), Some((last, after))) = (pages.get(1), pages.last()) else {
        panic!("the memory was not looked at")
    };
    let more = after.saturating_sub(*before) / (last - first).max(1) as u64;
    assert!(more <= MOST_PAGES, "{more} pages more for each key");
}
