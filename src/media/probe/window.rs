//! A file as a probe sees it: any place, but only so much in all.

use std::io::{Read, Seek, SeekFrom};

/// The most that is read of a file to find out what it is, in bytes.
pub const MOST_READ: u64 = 4_000_000;
/// The most that is read at once: no length that a file states is believed beyond this.
const MOST_AT_ONCE: u64 = 512 * 1024;
/// Read ahead at each jump: headers stand close together.
const AHEAD: u64 = 1024;

pub(super) const CUT_OFF: &str = "the file is cut off: its end is missing; copy it again";

/// Reads at any place of a file until [`MOST_READ`] is used up.
pub(super) struct Window<R> {
    file: R,
    /// Length of the file.
    pub bytes: u64,
    left: u64,
    /// What was read last, and where it stands.
    held: Vec<u8>,
    from: u64,
}

impl<R: Read + Seek> Window<R> {
    pub fn new(file: R, bytes: u64) -> Window<R> {
        Window { file, bytes, left: MOST_READ, held: Vec::new(), from: 0 }
    }

    /// So many bytes from there.
    ///
    /// # Errors
    /// The file ends before, it cannot be read, or too much of it would have to be.
    pub fn at(&mut self, at: u64, many: u64) -> Result<&[u8], String> {
        let end = at.checked_add(many).filter(|end| *end <= self.bytes).ok_or(CUT_OFF)?;
        if at < self.from || end > self.from + self.held.len() as u64 {
            if many > MOST_AT_ONCE {
                return Err(format!("the file is damaged: a header of it claims {many} bytes"));
            }
            let wanted = many.max(AHEAD).min(self.bytes - at);
            self.left = self.left.checked_sub(wanted).ok_or_else(|| {
                format!("the file is damaged: its headers take more than {} MB", MOST_READ / 1_000_000)
            })?;
            self.held.resize(wanted as usize, 0);
            self.from = at;
            let fail = |error: std::io::Error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => CUT_OFF.to_string(),
                _ => format!("it cannot be read: {error}"),
            };
            let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut self.held));
            if let Err(error) = read {
                self.held.clear();
                return Err(fail(error));
            }
        }
        let start = (at - self.from) as usize;
        Ok(&self.held[start..start + many as usize])
    }

    /// The same as an array.
    pub fn array<const N: usize>(&mut self, at: u64) -> Result<[u8; N], String> {
        let bytes = self.at(at, N as u64)?;
        bytes.try_into().map_err(|_| CUT_OFF.to_string())
    }

    /// The last bytes, at most so many.
    pub fn tail(&mut self, many: u64) -> Result<&[u8], String> {
        let many = many.min(self.bytes);
        self.at(self.bytes - many, many)
    }

    pub fn be16(&mut self, at: u64) -> Result<u16, String> {
        self.array(at).map(u16::from_be_bytes)
    }

    pub fn be32(&mut self, at: u64) -> Result<u32, String> {
        self.array(at).map(u32::from_be_bytes)
    }

    pub fn le16(&mut self, at: u64) -> Result<u16, String> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub fn le32(&mut self, at: u64) -> Result<u32, String> {
        self.array(at).map(u32::from_le_bytes)
    }

    /// How much was read so far.
    #[cfg(test)]
    pub fn read(&self) -> u64 {
        MOST_READ - self.left
    }
}
