//! A look over a pickle before candle's reader may build its objects.
//!
//! That reader copies what it remembers, so that a few bytes can grow beyond all memory; it takes the length of a string on
//! trust; and what it nested deeply cannot be dropped without overflowing the stack. Here the same machine runs on sizes only.

/// Objects that a pickle may make, copies counted. A state dictionary needs about twenty for each tensor.
const MAX_OBJECTS: u64 = 1 << 20;
/// How deep they may lie in one another.
const MAX_DEPTH: u32 = 64;
/// So many bytes of a string count as an object.
const STRING_BYTES: u64 = 64;

/// Checks that reading the pickle takes little memory and ends.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn check(pickle: &[u8]) -> Result<(), String> {
    let mut machine = Machine { rest: pickle, stack: Vec::new(), memo: std::collections::HashMap::new(), objects: 0 };
    while machine.step()? {}
    Ok(())
}

/// Objects in it, and how deep.
#[derive(Clone, Copy, Debug)]
struct Size {
    objects: u64,
    depth: u32,
}

enum Item {
    Mark,
    Value(Size),
}

struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Item>,
    memo: std::collections::HashMap<u32, Size>,
    objects: u64,
}

impl<'a> Machine<'a> {
    /// One opcode; false at the end.
    fn step(&mut self) -> Result<bool, String> {
        match self.byte()? {
            // PROTO
            0x80 => {
                self.byte()?;
            }
            // None, booleans, empty collections; candle takes DICT for an empty one too.
            b'N' | 0x88 | 0x89 | b')' | b'}' | b']' | b'd' => self.leaf(0)?,
            b'K' => self.number(1)?,
            b'M' => self.number(2)?,
            b'J' => self.number(4)?,
            b'G' => self.number(8)?,
            // LONG1: candle has 64 bits for it.
            0x8a => match self.byte()? {
                length @ 0..=8 => self.number(usize::from(length))?,
                length => return Err(format!("a whole number of {length} bytes")),
            },
            b'X' => {
                let length = self.number_u32()?;
                self.take(length as usize)?;
                self.leaf(u64::from(length))?;
            }
            // GLOBAL: two lines
            b'c' => {
                let length = self.line()? + self.line()?;
                self.leaf(length)?;
            }
            b'(' => {
                self.count(1)?;
                self.stack.push(Item::Mark);
            }
            b't' => {
                let inner = self.down_to_mark()?;
                self.push_around(inner)?;
            }
            // TUPLE1, BINPERSID
            0x85 | b'Q' => self.join(1)?,
            // TUPLE2, REDUCE, NEWOBJ, BUILD
            0x86 | b'R' | 0x81 | b'b' => self.join(2)?,
            0x87 => self.join(3)?,
            b'a' => {
                let value = self.value()?;
                self.put_inside(value)?;
            }
            b's' => {
                let (value, key) = (self.value()?, self.value()?);
                self.put_inside(both(value, key))?;
            }
            b'e' | b'u' => {
                let inner = self.down_to_mark()?;
                self.put_inside(inner)?;
            }
            b'q' => {
                let id = self.byte()?;
                self.remember(u32::from(id))?;
            }
            b'r' => {
                let id = self.number_u32()?;
                self.remember(id)?;
            }
            b'h' => {
                let id = self.byte()?;
                self.recall(u32::from(id))?;
            }
            b'j' => {
                let id = self.number_u32()?;
                self.recall(id)?;
            }
            b'.' => return self.value().map(|_| false),
            other => return Err(format!("the operation {other:#04x}")),
        }
        Ok(true)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("an end in the midst of an object")?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn number_u32(&mut self) -> Result<u32, String> {
        let bytes = self.take(4)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    /// The length of a line, which is passed over.
    fn line(&mut self) -> Result<u64, String> {
        let length = self.rest.iter().position(|&byte| byte == b'\n').ok_or("a name that does not end")?;
        self.take(length + 1)?;
        Ok(length as u64)
    }

    fn number(&mut self, bytes: usize) -> Result<(), String> {
        self.take(bytes)?;
        self.leaf(0)
    }

    fn count(&mut self, objects: u64) -> Result<(), String> {
        self.objects += objects;
        if self.objects > MAX_OBJECTS { Err(format!("more than {MAX_OBJECTS} objects")) } else { Ok(()) }
    }

    fn push(&mut self, size: Size) -> Result<(), String> {
        if size.depth > MAX_DEPTH {
            return Err(format!("objects nested more than {MAX_DEPTH} deep"));
        }
        self.stack.push(Item::Value(size));
        Ok(())
    }

    /// An object without others in it, of a string so long.
    fn leaf(&mut self, string_bytes: u64) -> Result<(), String> {
        let objects = 1 + string_bytes / STRING_BYTES;
        self.count(objects)?;
        self.push(Size { objects, depth: 1 })
    }

    fn value(&mut self) -> Result<Size, String> {
        match self.stack.pop() {
            Some(Item::Value(size)) => Ok(size),
            _ => Err("an operation without its object".into()),
        }
    }

    fn down_to_mark(&mut self) -> Result<Size, String> {
        let mut sum = Size { objects: 0, depth: 0 };
        loop {
            match self.stack.pop() {
                Some(Item::Value(size)) => sum = both(sum, size),
                Some(Item::Mark) => return Ok(sum),
                None => return Err("an operation without its mark".into()),
            }
        }
    }

    /// A new object that holds the given ones.
    fn push_around(&mut self, inner: Size) -> Result<(), String> {
        self.count(1)?;
        self.push(Size { objects: inner.objects + 1, depth: inner.depth + 1 })
    }

    fn join(&mut self, count: usize) -> Result<(), String> {
        let mut inner = Size { objects: 0, depth: 0 };
        for _ in 0..count {
            inner = both(inner, self.value()?);
        }
        self.push_around(inner)
    }

    /// Puts objects into the one on top.
    fn put_inside(&mut self, inner: Size) -> Result<(), String> {
        let outer = self.value()?;
        self.push(Size { objects: outer.objects + inner.objects, depth: outer.depth.max(inner.depth + 1) })
    }

    fn remember(&mut self, id: u32) -> Result<(), String> {
        let size = self.value()?;
        self.count(size.objects)?;
        self.memo.insert(id, size);
        self.push(size)
    }

    fn recall(&mut self, id: u32) -> Result<(), String> {
        let size = *self.memo.get(&id).ok_or("a reference to nothing")?;
        self.count(size.objects)?;
        self.push(size)
    }
}

fn both(a: Size, b: Size) -> Size {
    Size { objects: a.objects + b.objects, depth: a.depth.max(b.depth) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_take_all_memory_or_the_stack_is_refused() {
        // A list of ten copies of a list of ten copies of …
        let mut growing = vec![0x80, 2, b'N', b'q', 0];
        for id in 0..12 {
            growing.extend([b']', b'(']);
            growing.extend([b'h', id].repeat(10));
            growing.extend([b'e', b'q', id + 1]);
        }
        growing.push(b'.');
        assert!(check(&growing).expect_err("exponential").contains("more than"));
        let deep = [&[0x80, 2, b'N'], &[0x85].repeat(1_000_000)[..], b"."].concat();
        assert!(check(&deep).expect_err("deep").contains("nested"));
        assert!(check(b"X\xff\xff\xff\xffabc").expect_err("long").contains("an end"));
        assert!(check(&[0x8a, 255]).expect_err("wide").contains("255 bytes"));
        assert!(check(&b"(".repeat(2_000_000)).expect_err("marks").contains("more than"));
        assert!(check(b"cos\nsystem\nX\x02\0\0\0ls\x85R.").is_ok(), "harmless: a class is but a name");
        for bytes in [&b""[..], b".", b"t.", b"a", b"NN", b"h\x01.", b"0", b"cos"] {
            assert!(check(bytes).is_err(), "{bytes:?}");
        }
    }
}
