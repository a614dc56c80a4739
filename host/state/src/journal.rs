//! Reading a journal: which lines are good, and where it breaks off.

use crate::envelope::{self, Envelope};

/// The lines of a journal that can be relied on.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    /// The entries, with the line each stands on, from 1.
    pub(crate) entries: Vec<(usize, Envelope<'a>)>,
    /// How many bytes the good lines take.
    pub(crate) length: u64,
    /// How many bytes follow that were cut off while they were written.
    pub(crate) torn: u64,
}

/// A bad line that good ones follow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLine(pub(crate) usize);

/// Takes a journal apart. What is bad at the end was being written when the machine stopped; what is bad
/// before a good line was good once.
pub(crate) fn read(content: &[u8]) -> Result<Journal<'_>, BadLine> {
    let mut entries = Vec::new();
    let mut length = 0;
    let mut position = 0;
    let mut bad = None;
    for (index, piece) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        position += piece.len();
        let entry = piece.strip_suffix(b"\n").and_then(|line| envelope::unwrap("entry", line));
        match (entry, bad) {
            (Some(entry), None) => {
                entries.push((index + 1, entry));
                length = position;
            }
            (Some(_), Some(line)) => return Err(BadLine(line)),
            (None, _) => bad = bad.or(Some(index + 1)),
        }
    }
    Ok(Journal { entries, length: length as u64, torn: (content.len() - length) as u64 })
}

/// The lines before the first bad one.
pub(crate) fn good_beginning(content: &[u8]) -> &[u8] {
    let is_good = |piece: &&[u8]| {
        piece.strip_suffix(b"\n").is_some_and(|line| envelope::unwrap("entry", line).is_some())
    };
    let pieces = content.split_inclusive(|byte| *byte == b'\n');
    &content[..pieces.take_while(is_good).map(<[u8]>::len).sum()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_end_is_cut_and_damage_before_good_lines_is_named() {
        let lines: Vec<_> = (1..=3).map(|sequence| envelope::wrap("entry", sequence, "{}")).collect();
        let whole = lines.concat().into_bytes();
        assert_eq!(read(&whole).unwrap().entries.len(), 3);

        let torn = read(&whole[..whole.len() - 1]).unwrap();
        assert_eq!((torn.entries.len(), torn.length), (2, (lines[0].len() + lines[1].len()) as u64));

        let zeros = [whole.as_slice(), &[0; 100]].concat();
        assert_eq!(read(&zeros).unwrap().torn, 100);

        let mut middle = whole;
        middle[lines[0].len() + 30] ^= 1;
        assert_eq!(read(&middle).unwrap_err(), BadLine(2));
    }
}
