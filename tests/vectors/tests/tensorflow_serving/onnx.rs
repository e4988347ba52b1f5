//! ONNX files made by hand.

/// An ONNX file (onnx.proto3, by field number) that gives back each tensor under its name, through `NAME_in`.
pub(crate) fn identity_model(tensors: &[(&str, u64)]) -> Vec<u8> {
    let mut graph = Vec::new();
    for (name, dtype) in tensors {
        let mut node = bytes_field(1, format!("{name}_in").as_bytes());
        node.extend(bytes_field(2, name.as_bytes()));
        node.extend(bytes_field(4, b"Identity"));
        graph.extend(bytes_field(1, &node));
        let tensor_type = bytes_field(2, &bytes_field(1, &varint_field(1, *dtype)));
        let value = |name: &str| [bytes_field(1, name.as_bytes()), tensor_type.clone()].concat();
        graph.extend(bytes_field(11, &value(&format!("{name}_in"))));
        graph.extend(bytes_field(12, &value(name)));
    }
    let mut model = varint_field(1, 8);
    model.extend(bytes_field(7, &graph));
    model.extend(bytes_field(8, &varint_field(2, 17)));
    model
}

fn bytes_field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    field.extend(varint(bytes.len() as u64));
    field.extend(bytes);
    field
}

fn varint_field(number: u8, value: u64) -> Vec<u8> {
    let mut field = vec![number << 3];
    field.extend(varint(value));
    field
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Element types of ONNX.
pub(crate) const FLOAT: u64 = 1;
pub(crate) const INT64: u64 = 7;
