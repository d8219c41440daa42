//! Pages of records are packed: certificates of one CA are half alike, and each record tells its owner's id twice.
//!
//! A packed frame is a tag, the length of the frame inside (2 bytes), and that frame as one
//! [LZ4 block](https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md). Nothing secret is packed beside what a peer chooses.
//! Whatever a peer says, unpacking makes at most [`FRAME_MAX`] bytes and reads its input once.
//! Written here, not taken from a library: what a member says must be the same bytes on every machine, and LZ4 leaves
//! the choice of matches to the writer (the known ones choose by word size).

use crate::{limits::FRAME_MAX, tags::FRAME_PACKED};
use alloc::{borrow::Cow, vec::Vec};

const _: () = assert!(FRAME_MAX <= 1 << 16, "an offset into a frame fits 16 bits");

/// Shorter frames are not worth it.
const WORTH: usize = 256;
/// Shortest match.
const MIN: usize = 4;
/// The format's last bytes are literals, and no match begins close to the end.
const TAIL: usize = 12;
const LAST: usize = 5;
/// 2ⁿ places of recent matches are remembered.
const TABLE_BITS: u32 = 12;
/// Of a nibble: more bytes of the length follow.
const MORE: usize = 15;

/// The frame packed, if that is shorter.
pub(crate) fn pack(frame: Vec<u8>) -> Vec<u8> {
    let Ok(len) = u16::try_from(frame.len()) else { return frame };
    if frame.len() < WORTH {
        return frame;
    }
    let mut out = Vec::with_capacity(frame.len());
    out.push(FRAME_PACKED);
    out.extend(len.to_be_bytes());
    compress(&frame, &mut out);
    if out.len() < frame.len() { out } else { frame }
}

fn compress(frame: &[u8], out: &mut Vec<u8>) {
    let mut table = alloc::vec![0u16; 1 << TABLE_BITS];
    let (mut at, mut literals) = (1, 0);
    while at + TAIL < frame.len() {
        let place = &mut table[bucket(&frame[at..])];
        let earlier = usize::from(core::mem::replace(place, at as u16));
        if earlier >= at || frame[earlier..earlier + MIN] != frame[at..at + MIN] {
            at += 1;
            continue;
        }
        let most = frame.len() - LAST - at;
        let same = (MIN..most).find(|more| frame[earlier + more] != frame[at + more]).unwrap_or(most);
        sequence(&frame[literals..at], Some((at - earlier, same)), out);
        at += same;
        literals = at;
    }
    sequence(&frame[literals..], None, out);
}

fn bucket(bytes: &[u8]) -> usize {
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    (word.wrapping_mul(2_654_435_761) >> (32 - TABLE_BITS)) as usize
}

/// Literals, then a copy of what stands `offset` before; the last sequence has none.
fn sequence(literals: &[u8], copy: Option<(usize, usize)>, out: &mut Vec<u8>) {
    let more = copy.map_or(0, |(_, len)| len - MIN);
    out.push((literals.len().min(MORE) << 4 | more.min(MORE)) as u8);
    write_rest(literals.len(), out);
    out.extend_from_slice(literals);
    if let Some((offset, _)) = copy {
        out.extend((offset as u16).to_le_bytes());
        write_rest(more, out);
    }
}

fn write_rest(len: usize, out: &mut Vec<u8>) {
    let Some(rest) = len.checked_sub(MORE) else { return };
    out.resize(out.len() + rest / 255, 255);
    out.push((rest % 255) as u8);
}

/// The frame inside a packed one; another frame as it is; `None` for what nobody packs.
pub(crate) fn unpack(frame: &[u8]) -> Option<Cow<'_, [u8]>> {
    let [FRAME_PACKED, high, low, block @ ..] = frame else { return Some(Cow::Borrowed(frame)) };
    expand(block, usize::from(u16::from_be_bytes([*high, *low]))).map(Cow::Owned)
}

fn expand(mut block: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(len);
    loop {
        let (token, rest) = block.split_first()?;
        block = rest;
        let literals = read_rest(usize::from(token >> 4), &mut block)?;
        let (copied, rest) = block.split_at_checked(literals).filter(|_| out.len() + literals <= len)?;
        out.extend_from_slice(copied);
        if rest.is_empty() {
            return (out.len() == len).then_some(out);
        }
        let (offset, rest) = rest.split_first_chunk::<2>()?;
        block = rest;
        let from = out.len().checked_sub(usize::from(u16::from_le_bytes(*offset)))?;
        let more = read_rest(usize::from(token & 15), &mut block)? + MIN;
        if from == out.len() || out.len() + more > len {
            return None;
        }
        // What is copied may overlap what it makes.
        (from..from + more).for_each(|at| out.push(out[at]));
    }
}

fn read_rest(nibble: usize, block: &mut &[u8]) -> Option<usize> {
    let mut len = nibble;
    let mut follows = nibble == MORE;
    while follows {
        let (byte, rest) = block.split_first()?;
        *block = rest;
        len += usize::from(*byte);
        follows = *byte == 255;
    }
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_out_again(parts in proptest::collection::vec((any::<u8>(), 1..400usize), 1..60)) {
            // Runs, repeats and noise.
            let noise = |seed: u8, len: usize| (0..len).map(move |at| (at as u8).wrapping_mul(seed).wrapping_add(seed >> 2));
            let frame: Vec<u8> = parts.into_iter().flat_map(|(seed, len)| noise(seed, len)).collect();
            prop_assume!(frame[0] != FRAME_PACKED); // nobody packs what is packed
            let packed = pack(frame.clone());
            prop_assert!(packed.len() <= frame.len());
            if packed[0] == FRAME_PACKED {
                prop_assert_eq!(unpack(&packed).expect("just packed").into_owned(), frame);
            }
        }

        #[test]
        fn any_bytes_unpack_without_panic_and_within_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let frame = [&[FRAME_PACKED][..], &bytes].concat();
            if let Some(unpacked) = unpack(&frame) {
                prop_assert!(unpacked.len() <= FRAME_MAX);
            }
        }
    }

    #[test]
    fn the_format_is_lz4_s() {
        // "abcd" and 16 more of the same, by hand from the format's description.
        let block = [0x4c, b'a', b'b', b'c', b'd', 4, 0, 0x50, b'a', b'b', b'c', b'd', b'e'];
        let frame = [&[FRAME_PACKED, 0, 25][..], &block].concat();
        assert_eq!(unpack(&frame).as_deref(), Some(&b"abcdabcdabcdabcdabcdabcde"[..]));
        let short = [&[FRAME_PACKED, 0, 24][..], &block].concat();
        assert_eq!(unpack(&short), None, "longer than it says");
    }

    #[test]
    fn half_of_a_page_of_certificates_goes() {
        let der = include_bytes!("../../tests/vectors/member.der");
        let record = |n: u8| {
            der.iter()
                .enumerate()
                .map(move |(at, byte)| if at % 2 == 0 && at > 200 { byte ^ n } else { *byte })
        };
        let page: Vec<u8> = (0..30).flat_map(record).collect();
        assert!(pack(page.clone()).len() < page.len() * 3 / 4);
    }
}
