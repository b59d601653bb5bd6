//! A reader of pickles that builds plain data and runs nothing: classes are names, calls are remembered as such.
//!
//! All objects lie side by side and refer to one another by number, and texts are parts of the file. So memory is bounded by the
//! number of objects, however they are copied or nested, and nothing recurses.

use std::collections::HashMap;

/// Objects, and entries of the stacks, that a pickle may make. A state dictionary needs about twenty for each tensor.
const MAX_OBJECTS: usize = 1 << 20;

/// An object of a [`Pickle`], by number.
pub(super) type Id = u32;

/// What of an object matters here.
#[derive(Clone, Debug)]
pub(super) enum Node<'a> {
    Text(&'a str),
    Whole(i64),
    /// A class or a function: module and name.
    Class(&'a str, &'a str),
    Tuple(Vec<Id>),
    Dictionary(Vec<(Id, Id)>),
    /// What a class or function would make of arguments; the entries are those that were put into it, as into an `OrderedDict`.
    Made {
        class: Id,
        arguments: Id,
        entries: Vec<(Id, Id)>,
    },
    /// A reference to a record beside the pickle.
    Stored(Id),
    /// A number, a list, bytes: nothing that leads to a tensor by name.
    Other,
}

/// A pickle's objects.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    nodes: Vec<Node<'a>>,
    /// The object that was saved.
    pub root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle of the protocols 2 to 5.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut machine = Machine { rest: bytes, ..Machine::default() };
        loop {
            if let Some(root) = machine.step()? {
                return Ok(Self { nodes: machine.nodes, root });
            }
        }
    }

    pub fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id as usize]
    }
}

/// The stack machine that a pickle is a program of.
#[derive(Default)]
struct Machine<'a> {
    rest: &'a [u8],
    nodes: Vec<Node<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// One operation; at the end, the object that was made.
    fn step(&mut self) -> Result<Option<Id>, String> {
        match self.byte()? {
            // PROTO
            0x80 => {
                self.byte()?;
            }
            // FRAME: its length is of no use here.
            0x95 => {
                self.take(8)?;
            }
            // NONE, NEWTRUE, NEWFALSE, EMPTY_LIST, EMPTY_SET
            b'N' | 0x88 | 0x89 | b']' | 0x8f => self.make(Node::Other)?,
            b')' => self.make(Node::Tuple(Vec::new()))?,
            b'}' => self.make(Node::Dictionary(Vec::new()))?,
            b'K' => self.whole(1)?,
            b'M' => self.whole(2)?,
            b'J' => {
                let number = self.little_endian(4)? as u32;
                self.make(Node::Whole(i64::from(number as i32)))?;
            }
            b'G' => {
                self.take(8)?;
                self.make(Node::Other)?;
            }
            // LONG1, LONG4
            0x8a => {
                let length = self.length(1)?;
                self.long(length)?;
            }
            0x8b => {
                let length = self.length(4)?;
                self.long(length)?;
            }
            // BINUNICODE, and the short and the long one
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            0x8d => self.text(8)?,
            // Bytes and strings of bytes.
            b'B' | b'T' => self.bytes(4)?,
            b'C' | b'U' => self.bytes(1)?,
            0x8e | 0x96 => self.bytes(8)?,
            // GLOBAL: two lines
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.make(Node::Class(module, name))?;
            }
            // STACK_GLOBAL
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (&self.nodes[module as usize], &self.nodes[name as usize]) {
                    (&Node::Text(module), &Node::Text(name)) => self.make(Node::Class(module, name))?,
                    _ => return Err("a class without a name".into()),
                }
            }
            b'(' => {
                self.marks.push(self.stack.len());
                bounded(self.marks.len())?;
            }
            b't' => {
                let objects = self.down_to_mark()?;
                self.make(Node::Tuple(objects))?;
            }
            // LIST, FROZENSET
            b'l' | 0x91 => {
                self.down_to_mark()?;
                self.make(Node::Other)?;
            }
            // DICT
            b'd' => {
                let objects = self.down_to_mark()?;
                self.make(Node::Dictionary(pairs(&objects)))?;
            }
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            // REDUCE, NEWOBJ
            b'R' | 0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.make(Node::Made { class, arguments, entries: Vec::new() })?;
            }
            // NEWOBJ_EX: arguments by name too.
            0x92 => {
                self.pop()?;
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.make(Node::Made { class, arguments, entries: Vec::new() })?;
            }
            // BINPERSID
            b'Q' => {
                let id = self.pop()?;
                self.make(Node::Stored(id))?;
            }
            // BUILD, APPEND: what an object is told besides is not needed.
            b'b' | b'a' => {
                self.pop()?;
                self.top()?;
            }
            // APPENDS, ADDITEMS
            b'e' | 0x90 => {
                self.down_to_mark()?;
                self.top()?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.enter(&[key, value])?;
            }
            b'u' => {
                let objects = self.down_to_mark()?;
                self.enter(&objects)?;
            }
            b'0' => {
                self.pop()?;
            }
            b'1' => {
                self.down_to_mark()?;
            }
            b'2' => {
                let top = self.top()?;
                self.push(top)?;
            }
            b'q' => {
                let place = self.little_endian(1)?;
                self.remember(place as u32)?;
            }
            b'r' => {
                let place = self.little_endian(4)?;
                self.remember(place as u32)?;
            }
            // MEMOIZE
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' => {
                let place = self.little_endian(1)?;
                self.recall(place as u32)?;
            }
            b'j' => {
                let place = self.little_endian(4)?;
                self.recall(place as u32)?;
            }
            b'.' => return self.pop().map(Some),
            other => return Err(format!("the operation {other:#04x}")),
        }
        Ok(None)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("an end in the midst of an object")?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    /// A number of up to 8 bytes.
    fn little_endian(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, String> {
        // What cannot be a length on this machine ends beyond the file as well.
        Ok(usize::try_from(self.little_endian(bytes)?).unwrap_or(usize::MAX))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let length = self.rest.iter().position(|&byte| byte == b'\n').ok_or("a name that does not end")?;
        let line = self.take(length + 1)?;
        std::str::from_utf8(&line[..length]).map_err(|_| "a name that is no text".into())
    }

    fn whole(&mut self, bytes: usize) -> Result<(), String> {
        let number = self.little_endian(bytes)? as i64;
        self.make(Node::Whole(number))
    }

    /// A whole number of any size in two's complement; what takes more than 64 bits is no size of a tensor.
    fn long(&mut self, length: usize) -> Result<(), String> {
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let fill = if negative { u64::MAX } else { 0 };
        let number = bytes.iter().rev().fold(fill, |number, &byte| number << 8 | u64::from(byte));
        self.make(if length <= 8 { Node::Whole(number as i64) } else { Node::Other })
    }

    fn text(&mut self, length_bytes: usize) -> Result<(), String> {
        let length = self.length(length_bytes)?;
        // Python also writes halves of surrogate pairs, which no name of a tensor has.
        let node = std::str::from_utf8(self.take(length)?).map_or(Node::Other, Node::Text);
        self.make(node)
    }

    fn bytes(&mut self, length_bytes: usize) -> Result<(), String> {
        let length = self.length(length_bytes)?;
        self.take(length)?;
        self.make(Node::Other)
    }

    fn make(&mut self, node: Node<'a>) -> Result<(), String> {
        let id = self.nodes.len() as Id;
        self.nodes.push(node);
        bounded(self.nodes.len())?;
        self.push(id)
    }

    fn push(&mut self, id: Id) -> Result<(), String> {
        self.stack.push(id);
        bounded(self.stack.len())
    }

    fn pop(&mut self) -> Result<Id, String> {
        self.top()?;
        self.stack.pop().ok_or_else(|| "an operation without its object".into())
    }

    /// The object on top, which stays there. What lies under a mark is out of reach.
    fn top(&self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack[floor..].last().copied().ok_or_else(|| "an operation without its object".into())
    }

    fn down_to_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or("an operation without its mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, count: usize) -> Result<(), String> {
        let mut objects = Vec::with_capacity(count);
        for _ in 0..count {
            objects.push(self.pop()?);
        }
        objects.reverse();
        self.make(Node::Tuple(objects))
    }

    /// Puts keys and values into the object on top.
    fn enter(&mut self, objects: &[Id]) -> Result<(), String> {
        let top = self.top()? as usize;
        if let Node::Dictionary(entries) | Node::Made { entries, .. } = &mut self.nodes[top] {
            entries.extend(pairs(objects));
        }
        Ok(())
    }

    fn remember(&mut self, place: u32) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(place, top);
        bounded(self.memo.len())
    }

    fn recall(&mut self, place: u32) -> Result<(), String> {
        let id = *self.memo.get(&place).ok_or("a reference to nothing")?;
        self.push(id)
    }
}

fn pairs(objects: &[Id]) -> Vec<(Id, Id)> {
    objects.as_chunks::<2>().0.iter().map(|&[key, value]| (key, value)).collect()
}

fn bounded(count: usize) -> Result<(), String> {
    if count > MAX_OBJECTS { Err(format!("more than {MAX_OBJECTS} objects")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(bytes: &[u8]) -> String {
        Pickle::read(bytes).expect_err("no pickle")
    }

    #[test]
    fn what_would_take_all_memory_or_the_stack_takes_neither() {
        // A list of ten copies of a list of ten copies of …
        let mut growing = vec![0x80, 2, b'N', b'q', 0];
        for id in 0..12 {
            growing.extend([b'(']);
            growing.extend([b'h', id].repeat(10));
            growing.extend([b't', b'q', id + 1]);
        }
        growing.push(b'.');
        assert!(Pickle::read(&growing).expect("copies are references").nodes.len() < 20);
        let deep = [&[0x80, 2, b'N'], &[0x85].repeat(1_000_000)[..], b"."].concat();
        assert_eq!(Pickle::read(&deep).expect("numbers instead of nesting").nodes.len(), 1_000_001);
        assert!(fails(&[&[0x80, 2, b'N'], &[0x85].repeat(1_100_000)[..], b"."].concat()).contains("more than"));
        assert!(fails(b"X\xff\xff\xff\xffabc").contains("an end"));
        assert!(fails(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc").contains("an end"));
        assert!(fails(&[0x8a, 255]).contains("an end"));
        assert!(fails(&b"(".repeat(2_000_000)).contains("more than"));
        assert!(fails(&[&b"Nq\0"[..], &b"h\0".repeat(2_000_000)].concat()).contains("more than"));
        assert!(fails(&[&b"N"[..], &b"\x94".repeat(2_000_000)].concat()).contains("more than"));
        assert!(Pickle::read(b"cos\nsystem\nX\x02\0\0\0ls\x85R.").is_ok(), "harmless: a class is but a name");
        for bytes in [&b""[..], b".", b"t.", b"a", b"N(a", b"h\x01.", b"(0", b"cos", b"NN\x93", b"\x99", b"\x86"] {
            assert!(Pickle::read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn protocols_2_and_4_say_the_same() {
        for bytes in
            [&b"\x80\x02}q\0X\x01\0\0\0wq\x01K\x07s."[..], b"\x80\x04\x95\x09\0\0\0\0\0\0\0}\x94\x8c\x01w\x94K\x07s."]
        {
            let pickle = Pickle::read(bytes).expect("a pickle");
            let Node::Dictionary(entries) = pickle.node(pickle.root) else { panic!("{pickle:?}") };
            assert!(matches!(pickle.node(entries[0].0), Node::Text("w")), "{pickle:?}");
            assert!(matches!(pickle.node(entries[0].1), Node::Whole(7)), "{pickle:?}");
        }
        for (bytes, number) in [(&b"\x8a\x01\xff."[..], -1), (b"\x8a\x02\x00\x01.", 256), (b"J\xfe\xff\xff\xff.", -2)] {
            let pickle = Pickle::read(bytes).expect("a number");
            assert!(matches!(pickle.node(pickle.root), Node::Whole(found) if *found == number), "{pickle:?}");
        }
    }
}
