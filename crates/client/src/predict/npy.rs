//! NumPy's `.npy` (format versions 1 to 3): one array, little-endian, in C order.

use serde_json::Value;

use super::tensor::{Tensor, double, single};
use crate::error::Error;

const MAGIC: &[u8] = b"\x93NUMPY";

pub(super) fn is_npy(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads one array.
pub(super) fn read(bytes: &[u8]) -> Result<Tensor, Error> {
    let refused = |why: &str| Error::input("npy file", why);
    let cut = || refused("it ends early");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| refused("it is none"))?;
    let ([major, _], rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (length, rest) = if *major == 1 {
        let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        (usize::from(u16::from_le_bytes(*length)), rest)
    } else {
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        (
            usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX),
            rest,
        )
    };
    let (header, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| refused("its header is no text"))?;
    if !header.contains("'fortran_order': False") {
        return Err(refused(
            "it is not in C order: write it with numpy.ascontiguousarray",
        ));
    }
    let descr = quoted(header, "'descr':").ok_or_else(|| refused("its header names no type"))?;
    let shape = shape(header).ok_or_else(|| refused("its header names no shape"))?;
    let values = values(data, descr).ok_or_else(|| {
        refused(
            "its type is none of f4, f8, i1, i2, i4, i8, u1 and b1 (little-endian), or its data ends early",
        )
    })?;
    Tensor::new(shape, values)
}

fn quoted<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(key)?;
    rest.trim_start().strip_prefix('\'')?.split('\'').next()
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let (_, rest) = header.split_once("'shape':")?;
    let (inner, _) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
    inner
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().ok())
        .collect()
}

fn values(data: &[u8], descr: &str) -> Option<Vec<Value>> {
    fn each<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> Value) -> Option<Vec<Value>> {
        let (chunks, rest) = data.as_chunks::<N>();
        rest.is_empty()
            .then(|| chunks.iter().map(|chunk| read(*chunk)).collect())
    }
    match descr {
        "<f4" => each(data, |bytes| single(f32::from_le_bytes(bytes))),
        "<f8" => each(data, |bytes| double(f64::from_le_bytes(bytes))),
        "<i8" => each(data, |bytes| i64::from_le_bytes(bytes).into()),
        "<i4" => each(data, |bytes| i32::from_le_bytes(bytes).into()),
        "<i2" => each(data, |bytes| i16::from_le_bytes(bytes).into()),
        "|i1" => each(data, |bytes| i8::from_le_bytes(bytes).into()),
        "|u1" => each(data, |[byte]: [u8; 1]| byte.into()),
        "|b1" => each(data, |[byte]: [u8; 1]| (byte != 0).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
    }

    #[test]
    fn an_array_is_read() {
        let data = [0.5f32.to_le_bytes(), 1.0f32.to_le_bytes()].concat();
        let good = file(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n",
            &data,
        );
        assert_eq!(read(&good).unwrap().to_nested(), json!([[0.5, 1.0]]));
        let line = file(
            "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }",
            &7i64.to_le_bytes(),
        );
        assert_eq!(read(&line).unwrap().to_nested(), json!([7]));
    }

    #[test]
    fn what_is_no_array_is_refused() {
        let data = 0.5f32.to_le_bytes();
        let refused = |header: &str, data: &[u8]| read(&file(header, data)).unwrap_err().to_string();
        assert!(refused("{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", &data).contains("C order"));
        assert!(
            refused("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", &data).contains("none of")
        );
        assert!(refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", &data).contains("shape"));
        assert!(
            refused(
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
                &data[..3]
            )
            .contains("none of")
        );
        assert!(refused("{'descr': '<f4', 'fortran_order': False}", &data).contains("no shape"));
        for cut in 0..10 {
            assert!(read(&file("{}", &[])[..cut]).is_err());
        }
    }
}
