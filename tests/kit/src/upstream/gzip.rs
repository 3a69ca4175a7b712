//! A gzip stream of one repeated byte, made on the fly: RFC 1951 section 3.2.6 and RFC 1952.

/// The byte that is repeated.
const BYTE: u8 = b'0';
/// The longest match.
const MATCH: usize = 258;

/// Compresses `count` times the byte `0`: a literal, then matches of 258 bytes at distance 1, 13 bits each.
#[derive(Debug)]
pub(super) struct Zeros {
    count: usize,
    left: usize,
    bits: u64,
    filled: u32,
    stage: Stage,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Body,
    Done,
}

impl Zeros {
    pub(super) fn new(count: usize) -> Self {
        Self { count, left: count, bits: 0, filled: 0, stage: Stage::Head }
    }

    /// About `size` more bytes of the stream; `None` after its end.
    pub(super) fn next_chunk(&mut self, size: usize) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(size + 64);
        if self.stage == Stage::Done {
            return None;
        }
        if self.stage == Stage::Head {
            out.extend([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]);
            // Last block, fixed codes.
            self.put(&mut out, 0b011, 3);
            self.literal(&mut out);
            self.stage = Stage::Body;
        }
        while self.left >= MATCH && out.len() < size {
            // Length 258 is symbol 285, code 11000101; distance 1 is code 00000.
            self.code(&mut out, 0b1100_0101, 8);
            self.code(&mut out, 0, 5);
            self.left -= MATCH;
        }
        if self.left < MATCH {
            while self.left > 0 {
                self.literal(&mut out);
            }
            // End of block, then up to a whole byte.
            self.code(&mut out, 0, 7);
            self.put(&mut out, 0, (8 - self.filled % 8) % 8);
            out.extend(crc(self.count).to_le_bytes());
            out.extend(u32::try_from(self.count % (1 << 32)).unwrap_or_default().to_le_bytes());
            self.stage = Stage::Done;
        }
        Some(out)
    }

    /// Literals 0 to 143 are codes 00110000 to 10111111.
    fn literal(&mut self, out: &mut Vec<u8>) {
        self.code(out, 0x30 + u64::from(BYTE), 8);
        self.left = self.left.saturating_sub(1);
    }

    /// Huffman codes go most significant bit first.
    fn code(&mut self, out: &mut Vec<u8>, code: u64, length: u32) {
        self.put(out, code.reverse_bits() >> (64 - length), length);
    }

    fn put(&mut self, out: &mut Vec<u8>, bits: u64, length: u32) {
        self.bits |= bits << self.filled;
        self.filled += length;
        while self.filled >= 8 {
            out.push(self.bits.to_le_bytes()[0]);
            self.bits >>= 8;
            self.filled -= 8;
        }
    }
}

/// CRC-32 of the content. Only small streams are ever read to the end; the checksum of a large one takes too long.
fn crc(count: usize) -> u32 {
    let count = if count > 16 << 20 { 0 } else { count };
    !(0..count).fold(u32::MAX, |crc, _| {
        (0..8).fold(crc ^ u32::from(BYTE), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
