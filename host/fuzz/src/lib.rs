//! Feeds damaged files to whatever reads files: a target is a test in `tests/`, its seeds are in `seeds/`.
//!
//! Each seed is tried as it is, and then with random damage. `make test` tries a fixed number of the same cases on
//! every run; with `FUZZ_SECONDS` a target goes on with new ones for that long (`make fuzz`). A failure names the
//! case, which `FUZZ_CASE` repeats. It works with the stable compiler and needs no instruments in the program: what it
//! gives up for that is the feedback from the code that a case has reached.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

/// Texts that readers stumble over.
const AWKWARD: &[&[u8]] = &[
    b"",
    b"0",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"null",
    b"[]",
    b"{}",
    b"\"\"",
    b"\\u0000",
    b"\\ud800",
    b"\xff\xfe",
    b"\0",
    b"\n",
    b"\xee\x80\x80",
    b"\xee\x80\x81",
    b"$attribute",
    b"[[[[[[[[[[[[[[[[",
];

/// Tries every seed, and damaged ones: `cases` of them, or for as long as `FUZZ_SECONDS` says. `attempt` panics when
/// something is wrong.
///
/// # Panics
/// When there are no seeds, or a variable of the environment is no number.
#[allow(clippy::expect_used, reason = "a test harness")]
pub fn campaign(seeds: &[Vec<u8>], cases: u64, mut attempt: impl FnMut(&[u8])) {
    assert!(!seeds.is_empty(), "there are no seeds");
    let number = |name: &str| {
        std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number in the environment"))
    };
    seeds.iter().for_each(|seed| attempt(seed));
    let limit = number("FUZZ_SECONDS").map(Duration::from_secs);
    let only = number("FUZZ_CASE");
    let begun = Instant::now();
    let mut tried = 0;
    for case in only.unwrap_or(0).. {
        let is_over = match (only, limit) {
            (Some(only), _) => case > only,
            (None, Some(limit)) => begun.elapsed() >= limit,
            (None, None) => case >= cases,
        };
        if is_over {
            break;
        }
        let mut random = StdRng::seed_from_u64(case);
        let input = damaged(seeds, &mut random);
        let name = Case(case);
        attempt(&input);
        drop(name);
        tried += 1;
    }
    eprintln!("{} seeds and {tried} damaged ones", seeds.len());
}

/// Says which case it was, if it ends in a panic.
struct Case(u64);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat it with FUZZ_CASE={}", self.0);
        }
    }
}

/// A seed after one to eight accidents.
fn damaged(seeds: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = seeds.choose(random).cloned().unwrap_or_default();
    for _ in 0..random.random_range(1..=8) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..=32)).min(bytes.len());
        match random.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = random.random(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                let to = random.random_range(0..=bytes.len());
                bytes.splice(to..to, piece);
            }
            5 => {
                let text = AWKWARD.choose(random).copied().unwrap_or_default();
                bytes.splice(at..end, text.iter().copied());
            }
            _ => {
                let other = seeds.choose(random).map(Vec::as_slice).unwrap_or_default();
                let from = random.random_range(0..=other.len());
                let to = (from + random.random_range(0..=64)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_the_same_each_time_and_differs_from_case_to_case() {
        let seeds = [b"{\"a\": [1, 2, 3]}".to_vec(), b"{}".to_vec()];
        let of = |case| damaged(&seeds, &mut StdRng::seed_from_u64(case));
        let all: std::collections::BTreeSet<_> = (0..200).map(of).collect();
        assert!(all.len() > 100, "{}", all.len());
        assert_eq!(of(7), of(7));
    }
}
