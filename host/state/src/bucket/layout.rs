//! The names of the objects, and which journal segments count.
//!
//! ```text
//! PREFIX/STACK@CLOUD-PROJECT/
//!   lock.json                          who is at work, and until when
//!   keys.json                          the data key, wrapped
//!   snapshot.json                      the state at the last compaction, and who wrote it
//!   snapshot.previous.json             the one before; the segments since then are kept too
//!   journal/SEQUENCE-TOKEN.jsonl       entries from SEQUENCE on
//!   journal/SEQUENCE-TOKEN.fence       where the holder with TOKEN began
//! ```
//!
//! # Fencing
//!
//! TOKEN is the generation that the lock object got when its holder took it; a later holder has a higher
//! one. Before a holder does anything else it lists the journal, loads what counts of it, and writes a fence
//! whose SEQUENCE is that of its own first entry. Which segments count follows from the names alone:
//!
//! 1. A segment with a token lower than that of the snapshot's writer does not count: the writer had read
//!    what counts of it, and the snapshot holds that.
//! 2. A segment does not count if a fence with a higher token begins at or before its sequence: it was
//!    written after that fence's writer had listed the journal.
//!
//! So whoever was frozen, loses the lock and wakes up, may still create a segment (nothing can stop the
//! request), but no load ever takes it in: it continues where the new holder's fence stands. It does not
//! count its own entries as durable either, since a holder looks at the lock after each segment: if the lock
//! is still its own then, whoever takes it later lists the journal later, and finds the segment.

/// What a name in `journal/` says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Piece {
    /// The number of the first entry.
    pub(crate) sequence: u64,
    /// The holder's fencing token.
    pub(crate) token: u64,
    /// Whether it is a fence.
    pub(crate) is_fence: bool,
}

impl Piece {
    /// The name below the state's own prefix.
    pub(crate) fn name(&self) -> String {
        let Self { sequence, token, is_fence } = self;
        format!("journal/{sequence:020}-{token:020}.{}", if *is_fence { "fence" } else { "jsonl" })
    }

    /// Reads a name; `None` for one that is not ours.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (stem, extension) = name.strip_prefix("journal/")?.split_once('.')?;
        let (sequence, token) = stem.split_once('-')?;
        let is_fence = match extension {
            "fence" => true,
            "jsonl" => false,
            _ => return None,
        };
        let piece = Self { sequence: sequence.parse().ok()?, token: token.parse().ok()?, is_fence };
        (piece.name() == name).then_some(piece)
    }
}

/// The segments that count, in order.
pub(crate) fn counting(pieces: &[Piece], snapshot_token: u64) -> Vec<&Piece> {
    let mut segments: Vec<_> = pieces
        .iter()
        .filter(|piece| !piece.is_fence && piece.token >= snapshot_token)
        .filter(|piece| {
            !pieces
                .iter()
                .any(|fence| fence.is_fence && fence.token > piece.token && fence.sequence <= piece.sequence)
        })
        .collect();
    segments.sort();
    segments
}

/// Of the segments that count, those that hold an entry after `serial`, or may.
pub(crate) fn since<'a>(counting: &[&'a Piece], serial: u64) -> Vec<&'a Piece> {
    let covered = counting.windows(2).take_while(|pair| pair[1].sequence <= serial + 1).count();
    counting[covered..].to_vec()
}

/// What nobody needs once there is a snapshot of `serial` by the holder with `token`: what it includes,
/// and what does not count since it was written.
pub(crate) fn obsolete(pieces: &[Piece], serial: u64, token: u64) -> Vec<&Piece> {
    let counting = counting(pieces, token);
    let needed = since(&counting, serial);
    pieces
        .iter()
        .filter(|piece| piece.token < token || (piece.token == token && piece.is_fence))
        .chain(counting.iter().filter(|piece| !needed.contains(piece)).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(name: &str) -> Piece {
        // `7-2` is a segment, `7-2!` a fence.
        let (stem, is_fence) = name.strip_suffix('!').map_or((name, false), |stem| (stem, true));
        let (sequence, token) = stem.split_once('-').unwrap();
        Piece { sequence: sequence.parse().unwrap(), token: token.parse().unwrap(), is_fence }
    }

    fn pieces(names: &str) -> Vec<Piece> {
        names.split_whitespace().map(piece).collect()
    }

    fn told(pieces: &[&Piece]) -> String {
        let name = |piece: &&Piece| {
            format!("{}-{}{}", piece.sequence, piece.token, if piece.is_fence { "!" } else { "" })
        };
        pieces.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_read_back_and_sort_as_numbers() {
        for piece in pieces("1-1! 1-1 9-17 10-17!") {
            assert_eq!(Piece::parse(&piece.name()), Some(piece));
        }
        assert!(piece("9-1").name() < piece("10-1").name());
        for other in ["journal/1-1.jsonl", "journal/x", "snapshot.json", "journal/.jsonl"] {
            assert_eq!(Piece::parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_displaced_holder_writes_does_not_count() {
        let told = |names, token| told(&counting(&pieces(names), token));
        assert_eq!(told("1-5! 1-5 4-5", 0), "1-5 4-5");
        // 8 took over when there were entries up to 6; 5 woke up and went on from there.
        assert_eq!(told("1-5! 1-5 4-5 7-8! 7-5 8-5 7-8 9-8", 0), "1-5 4-5 7-8 9-8");
        // Before the new holder has written anything.
        assert_eq!(told("1-5! 1-5 7-8! 7-5", 0), "1-5");
        // Three holders; the first two both wake up.
        assert_eq!(told("1-5! 1-5 3-6! 3-6 5-7! 3-5 5-6 5-7", 0), "1-5 3-6 5-7");
        // The newest has written a snapshot and removed its fence.
        assert_eq!(told("7-5 8-5 20-8", 8), "20-8");
    }

    #[test]
    fn a_snapshot_makes_obsolete_what_it_holds_and_nothing_else() {
        let obsolete = |names, serial, token| told(&obsolete(&pieces(names), serial, token));
        assert_eq!(obsolete("1-5! 1-5 4-5", 3, 5), "1-5! 1-5");
        assert_eq!(obsolete("1-5! 1-5 4-5", 4, 5), "1-5! 1-5", "entry 5 may be in the second");
        assert_eq!(obsolete("1-5! 1-5 7-5 7-8! 7-8", 6, 5), "1-5! 1-5");
        assert_eq!(obsolete("7-5 7-8! 7-8 9-8 11-9! 9-8", 8, 8), "7-5 7-8! 7-8");
    }
}
