//! Bounds-checked reader and writer of little-endian fields.

/// Reader of fields from the front of a slice. `None`: too few bytes are left.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<&'b [u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|&[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(|bytes| u16::from_le_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.array().map(|bytes| i32::from_le_bytes(*bytes))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// Bytes not yet read.
    pub(crate) const fn rest(&self) -> &'b [u8] {
        self.rest
    }
}

/// Writer of consecutive fields into a slice. `None`: the slice is full; fields written before
/// remain.
pub(crate) struct Writer<'b> {
    bytes: &'b mut [u8],
    written: usize,
}

impl<'b> Writer<'b> {
    pub(crate) const fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, written: 0 }
    }

    pub(crate) fn put(&mut self, field: &[u8]) -> Option<()> {
        let end = self.written.checked_add(field.len())?;
        self.bytes
            .get_mut(self.written..end)?
            .copy_from_slice(field);
        self.written = end;
        Some(())
    }

    pub(crate) fn u8(&mut self, value: u8) -> Option<()> {
        self.put(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> Option<()> {
        self.put(&value.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> Option<()> {
        self.put(&value.to_le_bytes())
    }

    pub(crate) fn i32(&mut self, value: i32) -> Option<()> {
        self.put(&value.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> Option<()> {
        self.put(&value.to_le_bytes())
    }

    /// Reserves a field of `N` bytes for the caller to fill.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        let end = self.written.checked_add(N)?;
        let field = self.bytes.get_mut(self.written..end)?;
        self.written = end;
        field.first_chunk_mut()
    }

    /// Fills the rest of the slice with zeros, as the standard pads.
    pub(crate) fn zeros_to_end(&mut self) {
        if let Some(rest) = self.bytes.get_mut(self.written..) {
            rest.fill(0);
            self.written = self.bytes.len();
        }
    }

    /// Bytes written.
    pub(crate) fn finish(self) -> &'b mut [u8] {
        self.bytes.get_mut(..self.written).unwrap_or_default()
    }
}
