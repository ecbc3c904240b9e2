//! Bytes of one value: little variable-length integers, strings, lists and options.
//!
//! Invariants: what [`Wire::put`] writes, [`Wire::get`] reads back as an equal value; `get` never
//! panics and never allocates more than the bytes that are left can justify, whatever the bytes.

use std::fmt;

/// Why bytes could not be read as a value, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireError {
    /// Offset in bytes from the start of the buffer given to [`Reader::new`].
    pub offset: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: expected {}", self.offset, self.expected)
    }
}

impl std::error::Error for WireError {}

/// A cursor over foreign bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// How many bytes were read.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// An error at the present offset.
    pub fn wanted(&self, expected: &'static str) -> WireError {
        WireError { offset: self.at, expected }
    }

    /// The next byte.
    ///
    /// # Errors
    /// At the end of the bytes.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, WireError> {
        let b = *self.bytes.get(self.at).ok_or(self.wanted("a byte"))?;
        self.at += 1;
        Ok(b)
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// If fewer are left.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        let end = self.at.checked_add(n).filter(|&e| e <= self.bytes.len());
        let end = end.ok_or(self.wanted("more bytes"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// An unsigned LEB128 integer of at most 64 bits.
    ///
    /// # Errors
    /// At the end of the bytes, or if the integer needs more than 64 bits.
    #[inline]
    pub fn uint(&mut self) -> Result<u64, WireError> {
        match self.bytes.get(self.at) {
            // Most are small.
            Some(&b) if b < 0x80 => {
                self.at += 1;
                Ok(b.into())
            }
            _ => self.long_uint(),
        }
    }

    fn long_uint(&mut self) -> Result<u64, WireError> {
        let start = self.wanted("an integer of at most 64 bits");
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            let bits = u64::from(b & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(start);
            }
            value |= bits << shift;
            if b & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(start)
    }
}

/// Where bytes go.
pub trait Out {
    /// Takes the lowest `n` bytes of `bytes`, 1 to 8, the lowest first. The others are zero.
    fn put(&mut self, bytes: u64, n: u32);

    /// Takes many.
    fn put_all(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.put(byte.into(), 1));
    }
}

impl Out for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: u64, n: u32) {
        self.extend_from_slice(&bytes.to_le_bytes()[..n as usize]);
    }

    fn put_all(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Writes an unsigned LEB128 integer.
#[inline(always)]
pub fn put_uint(out: &mut impl Out, value: u64) {
    // Most are small, and most of what a record costs is here.
    if value < 0x80 { out.put(value, 1) } else { put_long(out, value) }
}

fn put_long(out: &mut impl Out, mut value: u64) {
    match value {
        0..0x4000 => out.put(value & 0x7f | 0x80 | value >> 7 << 8, 2),
        0x4000..0x20_0000 => {
            out.put(value & 0x7f | 0x8080 | (value >> 7 & 0x7f) << 8 | value >> 14 << 16, 3);
        }
        _ => {
            while value >= 0x80 {
                out.put(value & 0x7f | 0x80, 1);
                value >>= 7;
            }
            out.put(value, 1);
        }
    }
}

/// A value with a byte form, a text form and an arbitrary value for property tests.
pub trait Wire: Sized {
    /// The type's name in the table of events.
    const TYPE: &'static str;
    /// Writes the bytes of `self`.
    fn write<O: Out>(&self, out: &mut O);
    /// Appends the bytes of `self`.
    fn put(&self, out: &mut Vec<u8>) {
        self.write(out);
    }
    /// Reads one value.
    ///
    /// # Errors
    /// If the bytes are not a value of this type.
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError>;
    /// Writes the value as narration shows it.
    ///
    /// # Errors
    /// If the formatter fails.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    /// Some value, drawn with `dice(n)`, which gives a number below `n`.
    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self;
}

/// Shows a [`Wire`] value in a format string.
#[derive(Debug)]
pub struct Shown<'a, T>(pub &'a T);

impl<T: Wire> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

macro_rules! wire_uint {
    ($($ty:ident)*) => {$(
        impl Wire for $ty {
            const TYPE: &'static str = stringify!($ty);
            #[inline(always)]
            fn write<O: Out>(&self, out: &mut O) {
                put_uint(out, u64::from(*self));
            }
            #[inline]
            fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
                let start = r.wanted(concat!("a number that fits ", stringify!($ty)));
                Self::try_from(r.uint()?).map_err(|_| start)
            }
            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
            fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
                // Small numbers are the common case; now and then any number.
                let small = dice(8) > 0;
                if small { dice(200) as $ty } else { dice(u64::MAX) as $ty }
            }
        }
    )*};
}
wire_uint!(u8 u16 u32 u64);

impl Wire for i64 {
    const TYPE: &'static str = "i64";
    fn write<O: Out>(&self, out: &mut O) {
        put_uint(out, ((self << 1) ^ (self >> 63)) as u64);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let z = r.uint()?;
        Ok((z >> 1) as i64 ^ -((z & 1) as i64))
    }
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        dice(u64::MAX) as i64 >> dice(63)
    }
}

impl Wire for bool {
    const TYPE: &'static str = "bool";
    #[inline]
    fn write<O: Out>(&self, out: &mut O) {
        out.put(u64::from(*self), 1);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let start = r.wanted("0 or 1");
        match r.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(start),
        }
    }
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self { "yes" } else { "no" })
    }
    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        dice(2) == 1
    }
}

impl Wire for String {
    const TYPE: &'static str = "text";
    fn write<O: Out>(&self, out: &mut O) {
        put_uint(out, self.len() as u64);
        out.put_all(self.as_bytes());
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let start = r.wanted("UTF-8 text");
        let n = r.uint()?;
        let n = usize::try_from(n).map_err(|_| start)?;
        let bytes = r.take(n)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| start)
    }
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        (0..dice(9)).map(|_| char::from(b'a' + dice(26) as u8)).collect()
    }
}

impl<T: Wire> Wire for Option<T> {
    const TYPE: &'static str = T::TYPE;
    #[inline]
    fn write<O: Out>(&self, out: &mut O) {
        self.is_some().write(out);
        if let Some(v) = self {
            v.write(out);
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(if bool::get(r)? { Some(T::get(r)?) } else { None })
    }
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(v) => v.show(f),
            None => f.write_str("none"),
        }
    }
    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        (dice(3) > 0).then(|| T::arbitrary(dice))
    }
}

impl<T: Wire> Wire for Box<T> {
    const TYPE: &'static str = T::TYPE;
    fn write<O: Out>(&self, out: &mut O) {
        (**self).write(out);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        T::get(r).map(Box::new)
    }
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).show(f)
    }
    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        Box::new(T::arbitrary(dice))
    }
}

impl<T: Wire> Wire for Vec<T> {
    const TYPE: &'static str = T::TYPE;
    fn write<O: Out>(&self, out: &mut O) {
        put_uint(out, self.len() as u64);
        self.iter().for_each(|v| v.write(out));
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let start = r.wanted("a list no longer than its bytes");
        // Every value takes at least one byte, so a longer claim is a lie and costs no memory.
        let n = usize::try_from(r.uint()?).ok().filter(|&n| n <= r.left());
        (0..n.ok_or(start)?).map(|_| T::get(r)).collect()
    }
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A long list is cut in the middle: its ends are what a reader checks.
        const SHOWN: usize = 8;
        for (i, v) in self.iter().enumerate() {
            if self.len() > SHOWN && i == SHOWN - 2 {
                write!(f, " …{} more…", self.len() - (SHOWN - 1))?;
            }
            if self.len() > SHOWN && i >= SHOWN - 2 && i + 1 < self.len() {
                continue;
            }
            f.write_str(if i == 0 { "" } else { " " })?;
            v.show(f)?;
        }
        if self.is_empty() { f.write_str("none") } else { Ok(()) }
    }
    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        (0..dice(5)).map(|_| T::arbitrary(dice)).collect()
    }
}
