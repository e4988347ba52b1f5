//! Bytes that nobody meant well with: some thousand seeded mutations through every reader.

use prost::Message as _;
use strongroom_api::serving::{DataType, TensorProto, TensorShapeProto, tensor_shape_proto::Dim};
use strongroom_inference::fuzz;

use crate::support::model;

/// A small generator with a fixed seed (xorshift), so that a failure can be repeated.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    /// Flips, cuts, doubles or overwrites parts of `seed`.
    fn mutate(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.next(3) {
            let at = self.next(bytes.len());
            match self.next(4) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.next(8),
                1 => bytes.truncate(at),
                2 if !bytes.is_empty() => bytes[at] = self.next(256) as u8,
                _ => {
                    let part = bytes[at..(at + self.next(16)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        bytes
    }
}

fn drive(target: fn(&[u8]), seeds: &[&[u8]], rounds: usize) {
    let mut random = Seeded(0x5eed_0123_4567_89ab);
    for seed in seeds {
        target(seed);
        (0..rounds).for_each(|_| target(&random.mutate(seed)));
    }
}

#[test]
fn readers_return_whatever_comes() {
    let bodies: [&[u8]; 7] = [
        br#"{"instances":[[1,2.5],[3e2,-4]],"signature_name":"s"}"#,
        br#"{"inputs":{"a":1,"b":true,"x":[[1.5]],"y":{"b64":"aGk="}}}"#,
        br#"{"instances":[{"a":[1],"b":false,"x":0.5,"y":"t"},{"y":"u","x":1,"b":true,"a":[2]}]}"#,
        br#"{"examples":[{"x":1.5,"y":["a",{"b64":"aGk="}],"z":[1,true]}],"context":{"c":2}}"#,
        br#"{"instances":[{"x":[1.5,-2e3,NaN],"y":{"b64":"aGVsbG8="}}],"signature_name":"\u00e9\ud83d\ude00"}"#,
        br#"{"inputs":{"a":[[1,2],[3,4]],"b":[true,false,null]}}"#,
        b"[[[[[[[[[[-Infinity, 1e308, 18446744073709551615]]]]]]]]]]",
    ];
    drive(fuzz::request_body, &bodies, 2000);
    let shaped = TensorProto {
        dtype: DataType::DtString.into(),
        tensor_shape: Some(TensorShapeProto {
            dim: vec![
                Dim {
                    size: 2,
                    name: String::new()
                };
                3
            ],
            unknown_rank: false,
        }),
        tensor_content: b"\x01\x02\x00\x00\x00\x00\x00\x00abc".as_slice().into(),
        float_val: vec![1.0, 2.0],
        ..TensorProto::default()
    };
    drive(fuzz::tensor, &[&shaped.encode_to_vec()], 4000);
    drive(
        fuzz::text_file,
        &[
            b"model_config_list: { config <name: 'm' \"n\", base_path: \"/\\x41\\101\\u00e9\"; version_labels { key: 'l' \
              value: 0x2A } model_version_policy { specific { versions: [1, 02] } } > } # z",
            b"prometheus_config { enable: t path: '/p' }",
            b"intra_op_parallelism_threads: -1 gpu_options { per_process_gpu_memory_fraction: 1.5e-3f } \
              graph_options { optimizer_options { opt_level: L0 } } device_filters: ['a', 'b']",
            b"custom_model_config { [type.googleapis.com/tensorflow.serving.ModelConfig] { name: 'm' } }",
        ],
        4000,
    );
}

#[test]
fn a_broken_model_is_refused_or_loaded_and_nothing_else() {
    let bytes = std::fs::read(model("onnx/model.onnx")).expect("a model");
    // Structure lies at both ends; the middle is weights.
    let (head, tail) = (&bytes[..2048], &bytes[bytes.len() - 2048..]);
    let mut random = Seeded(0x5eed_0123_4567_89ab);
    for _ in 0..100 {
        fuzz::model(&[random.mutate(head), bytes[2048..].to_vec()].concat());
        fuzz::model(&[bytes[..bytes.len() - 2048].to_vec(), random.mutate(tail)].concat());
    }
}
