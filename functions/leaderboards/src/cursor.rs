//! Where a list goes on: opaque, and good for the board that it came with only.
//!
//! A cursor holds a score, a time and a count, and a checksum over them and the board, so that one that
//! was altered or belongs to another board is refused instead of starting somewhere else. It needs no key, as
//! everybody may read what it leads to, and it names nobody.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use minigate_domain::{Timestamp, leaderboards::Board};
use minigate_platform::Problem;
use minigate_service::leaderboards::Spot;
use sha2::{Digest, Sha256};

use crate::CURSOR_INVALID;

const CHECKSUM: usize = 8;
const SCORE: usize = 4;
const TIME: usize = 8;
const BYTES: usize = CHECKSUM + SCORE + TIME + 1;

/// The cursor of a spot.
pub(crate) fn encode(board: &Board, spot: Spot) -> String {
    let place = bytes(spot);
    let mut all = checksum(board, &place).to_vec();
    all.extend(place);
    URL_SAFE_NO_PAD.encode(all)
}

/// The spot that a cursor of this board is for.
///
/// # Errors
/// [`CURSOR_INVALID`].
pub(crate) fn decode(board: &Board, text: &str) -> Result<Spot, Problem> {
    parse(board, text).ok_or_else(|| {
        Problem::new(CURSOR_INVALID)
            .field("cursor", "must be the `next` of this board, unchanged and with its period")
    })
}

fn parse(board: &Board, text: &str) -> Option<Spot> {
    let all = URL_SAFE_NO_PAD.decode(text).ok().filter(|all| all.len() == BYTES)?;
    let (found, place) = all.split_first_chunk::<CHECKSUM>()?;
    if *found != checksum(board, place) {
        return None;
    }
    let (score, place) = place.split_first_chunk::<SCORE>()?;
    let (at, place) = place.split_first_chunk::<TIME>()?;
    let spot = Spot {
        score: u32::from_be_bytes(*score).try_into().ok()?,
        at: Timestamp::from_unix_millis(u64::from_be_bytes(*at)),
        listed: *place.first()?,
    };
    (spot.score <= board.scope.max_score() && spot.listed <= Spot::MOST).then_some(spot)
}

fn bytes(Spot { score, at, listed }: Spot) -> Vec<u8> {
    let (score, at) = (score.get().to_be_bytes(), at.unix_millis().to_be_bytes());
    score.into_iter().chain(at).chain([listed]).collect()
}

fn checksum(board: &Board, place: &[u8]) -> [u8; CHECKSUM] {
    let mut hash = Sha256::new();
    hash.update(format!("leaderboards 1\n{board}\n"));
    hash.update(place);
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&hash.finalize()[..CHECKSUM]);
    checksum
}

#[cfg(test)]
mod tests {
    use minigate_domain::leaderboards::{Period, Scope};

    use super::*;

    fn global(period: Period) -> Board {
        Board { scope: Scope::Global, period }
    }

    fn spot() -> Spot {
        let at = Timestamp::from_unix_millis(1_795_478_400_000);
        Spot { score: 8_759.try_into().unwrap(), at, listed: 1 }
    }

    #[test]
    fn a_cursor_is_good_for_its_board_and_unchanged_only() {
        let board = global(Period::All);
        let cursor = encode(&board, spot());
        assert_eq!(decode(&board, &cursor).unwrap(), spot());
        let week = global(Period::Week("2026-W48".parse().unwrap()));
        assert!(decode(&week, &cursor).is_err(), "another board");
        for at in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(decode(&board, &altered).is_err(), "{altered}");
        }
        for text in ["", "A", "AAAA", "%%%", &"A".repeat(28), &"A".repeat(500)] {
            assert_eq!(decode(&board, text).unwrap_err().code(), CURSOR_INVALID, "{text}");
        }
    }
}
