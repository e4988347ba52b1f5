//! The usual body of a Predict, read from its text straight into tensors: no value of the document is kept in between.
//!
//! Reads what is well-formed and fits the signature, and gives up on everything else, without saying why: the refusal
//! has to name values and places, and [`super::decode`], which holds the whole document, knows these. It also takes
//! what is rare: unknown members, names that occur twice, names with escapes, empty lists. Whatever is read here,
//! `decode` reads to the same tensors.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use strongroom_api::serving::DEFAULT_SIGNATURE;

use super::allowance::Allowance;
use super::column::{Elements, base64};
use super::decode::Form;
use super::json::{Value, parse, scan};
use crate::engine::Signature;
use crate::tensor::Tensor;

/// A body that was read.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// How the answer goes.
    pub form: Form,
    /// The signature that it names, or the default one.
    pub signature: String,
    /// Every input of the signature, and no other.
    pub inputs: BTreeMap<String, Tensor>,
}

/// Reads `text`, where its tensors take at most `tensor_bytes_max` bytes and it can be read in this way.
pub fn read<'s>(
    text: &[u8],
    tensor_bytes_max: usize,
    signature: impl Fn(&str) -> Option<&'s Signature>,
) -> Option<Request> {
    let allowance = Allowance::new(tensor_bytes_max);
    let mut reader = Reader {
        text,
        at: 0,
        allowance,
    };
    let mut named: Option<Cow<'_, [u8]>> = None;
    let mut found: Option<(Form, String, BTreeMap<String, Tensor>)> = None;
    reader.expect(b'{')?;
    loop {
        let form = match reader.name()? {
            b"instances" => Form::Rows,
            b"inputs" => Form::Columns,
            b"signature_name" if named.is_none() => {
                named = Some(reader.string()?);
                if reader.next(b'}')? {
                    break;
                }
                continue;
            }
            _ => return None,
        };
        if found.is_some() {
            return None;
        }
        let name = signature_name(named.as_deref())?;
        let signature = signature(name)?;
        // An input of that name looks like a string in base64.
        if signature.inputs.contains_key("b64") {
            return None;
        }
        let inputs = match form {
            Form::Rows => reader.rows(signature)?,
            Form::Columns => reader.columns(signature)?,
        };
        found = Some((form, name.to_owned(), inputs));
        if reader.next(b'}')? {
            break;
        }
    }
    let (form, signature, inputs) = found?;
    // The signature's name may stand behind the values, which were read for the default one then.
    (signature_name(named.as_deref())? == signature).then_some(Request {
        form,
        signature,
        inputs,
    })
}

fn signature_name(named: Option<&[u8]>) -> Option<&str> {
    match named {
        None | Some([]) => Some(DEFAULT_SIGNATURE),
        Some(name) => std::str::from_utf8(name).ok(),
    }
}

/// An input that grows.
struct Input<'s> {
    alias: &'s str,
    elements: Elements,
    shape: Shape,
    values: usize,
}

/// Sizes of nested lists, learnt from the first of them.
#[derive(Default)]
struct Shape {
    sizes: [usize; DEPTH_MAX],
    /// At how many lists within one another elements stand; unknown before the first.
    depth: Option<usize>,
}

impl Shape {
    fn element(&mut self, level: usize) -> Option<()> {
        (*self.depth.get_or_insert(level) == level).then_some(())
    }

    // No list is empty, so zero stands for a size that is not known yet.
    fn list(&mut self, level: usize, size: usize) -> Option<()> {
        let known = &mut self.sizes[level];
        if *known == 0 {
            *known = size;
        }
        (*known == size).then_some(())
    }
}

impl<'s> Input<'s> {
    fn all(signature: &'s Signature) -> Vec<Self> {
        let input = |(alias, spec): (&'s String, &crate::engine::TensorSpec)| Self {
            alias,
            elements: Elements::new(spec.dtype),
            shape: Shape::default(),
            values: 0,
        };
        signature.inputs.iter().map(input).collect()
    }

    fn finish(self, rows: Option<usize>) -> Option<(String, Tensor)> {
        let depth = self.shape.depth?;
        let sizes = &self.shape.sizes[..depth];
        let shape = rows.iter().chain(sizes).copied().collect();
        Some((self.alias.to_owned(), self.elements.into_tensor(shape)))
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    allowance: Allowance,
}

impl<'a> Reader<'a> {
    fn rows(&mut self, signature: &Signature) -> Option<BTreeMap<String, Tensor>> {
        let mut inputs = Input::all(signature);
        if !self.starts_with_names() {
            let [input] = inputs.as_mut_slice() else {
                return None;
            };
            if self.peek() != Some(b'[') {
                return None;
            }
            self.value(input, 0)?;
            return inputs.into_iter().map(|input| input.finish(None)).collect();
        }
        self.expect(b'[')?;
        let mut rows = 0;
        loop {
            rows += 1;
            self.members(&mut inputs, rows)?;
            if self.next(b']')? {
                break;
            }
        }
        inputs.into_iter().map(|input| input.finish(Some(rows))).collect()
    }

    fn columns(&mut self, signature: &Signature) -> Option<BTreeMap<String, Tensor>> {
        let mut inputs = Input::all(signature);
        if self.peek() == Some(b'{') {
            self.members(&mut inputs, 1)?;
        } else {
            let [input] = inputs.as_mut_slice() else {
                return None;
            };
            self.value(input, 0)?;
        }
        inputs.into_iter().map(|input| input.finish(None)).collect()
    }

    /// Whether a list's first element is an object that is not a string in base64.
    fn starts_with_names(&mut self) -> bool {
        let begin = self.at;
        let mut first_name = || {
            self.expect(b'[')?;
            self.expect(b'{')?;
            self.name()
        };
        let named = first_name().is_some_and(|name| name != b"b64");
        self.at = begin;
        named
    }

    /// Reads an object with one value for each input, the `count`th of each.
    fn members(&mut self, inputs: &mut [Input<'_>], count: usize) -> Option<()> {
        self.expect(b'{')?;
        for position in 0.. {
            let name = self.name()?;
            // Clients mostly keep to one order.
            let is_named = |input: &Input<'_>| input.alias.as_bytes() == name;
            let index = match inputs.get(position) {
                Some(input) if is_named(input) => position,
                _ => inputs.iter().position(is_named)?,
            };
            let input = &mut inputs[index];
            input.values += 1;
            if input.values != count {
                return None;
            }
            self.value(input, 0)?;
            if self.next(b'}')? {
                break;
            }
        }
        inputs.iter().all(|input| input.values == count).then_some(())
    }

    fn value(&mut self, input: &mut Input<'_>, level: usize) -> Option<()> {
        if self.peek() == Some(b'[') {
            if level == DEPTH_MAX {
                return None;
            }
            self.at += 1;
            let mut size = 0;
            loop {
                size += 1;
                self.value(input, level + 1)?;
                if self.next(b']')? {
                    break;
                }
            }
            return input.shape.list(level, size);
        }
        input.shape.element(level)?;
        let allowance = &mut self.allowance;
        match self.text.get(self.at)? {
            b'"' => {
                let text = Bytes::from(self.string()?.into_owned());
                input.elements.push_string(text, &mut self.allowance)
            }
            b'{' => {
                self.at += 1;
                if self.name()? != b"b64" {
                    return None;
                }
                let text = base64(&self.string()?)?;
                self.expect(b'}')?;
                input.elements.push_string(text, &mut self.allowance)
            }
            b't' if self.text[self.at..].starts_with(b"true") => {
                self.at += 4;
                input.elements.push_plain(&Value::Bool(true), allowance)
            }
            b'f' if self.text[self.at..].starts_with(b"false") => {
                self.at += 5;
                input.elements.push_plain(&Value::Bool(false), allowance)
            }
            _ => {
                let (number, end) = scan::number(self.text, self.at).ok()?;
                self.at = end;
                input.elements.push_plain(&Value::Number(number), allowance)
            }
        }
    }

    /// The name of a member, up to its value.
    fn name(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'))?;
        if rest[length] != b'"' {
            return None;
        }
        self.at += length + 1;
        self.expect(b':')?;
        self.peek();
        Some(&rest[..length])
    }

    fn string(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let rest = &self.text[self.at + 1..];
        let length = rest
            .iter()
            .position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'))?;
        if rest[length] == b'"' {
            self.at += length + 2;
            return Some(Cow::Borrowed(&rest[..length]));
        }
        let (text, end) = parse::string(self.text, self.at).ok()?;
        self.at = end;
        Some(Cow::Owned(text))
    }

    /// After a value: a comma, and false; or the end of its container, and true.
    fn next(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        if byte == b',' {
            self.peek();
            return Some(false);
        }
        (byte == end).then_some(true)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)?;
        self.peek();
        Some(())
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.text.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }
}

/// Lists within one another; deeper ones are for `decode`.
const DEPTH_MAX: usize = 16;

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
