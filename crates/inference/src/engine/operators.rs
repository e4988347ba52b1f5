//! The operators that a graph may hold: arithmetic on its inputs, and nothing that reaches out.
//!
//! An allow list, because a deny list grows old: an operator that reads files, prints, runs Python, calls a remote
//! machine or comes from a custom library is refused by not standing here. ONNX's own operators of the default domain
//! that the embedded engine implements; every other domain is refused as a whole.

/// Whether nodes of this kind may run here.
#[must_use]
pub fn may_run(domain: &str, operator: &str) -> bool {
    matches!(domain, "" | "ai.onnx") && ALLOWED.binary_search(&operator).is_ok()
}

/// In order, for the search. `Constant` is read when a graph is loaded and never runs.
#[rustfmt::skip]
const ALLOWED: &[&str] = &[
    "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh",
    "Attention", "AveragePool", "BatchNormalization", "BitCast", "Cast", "CastLike", "Ceil", "Clip",
    "Concat", "ConcatFromSequence", "Constant", "ConstantOfShape", "Conv", "ConvInteger", "ConvTranspose",
    "Cos", "Cosh", "CumSum", "DFT", "DepthToSpace", "DequantizeLinear", "Div", "Dropout",
    "DynamicQuantizeLinear", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "EyeLike", "Flatten",
    "Floor", "GRU", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool",
    "GlobalMaxPool", "Greater", "GreaterOrEqual", "GridSample", "HardSigmoid", "HardSwish", "Identity",
    "If", "InstanceNormalization", "IsInf", "IsNaN", "LSTM", "LayerNormalization", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "LogSoftmax", "Loop", "LpNormalization", "MatMul", "MatMulInteger", "Max",
    "MaxPool", "Mean", "Min", "Mod", "Mul", "Multinomial", "Neg", "NonMaxSuppression", "NonZero", "Not",
    "OneHot", "Or", "PRelu", "Pad", "Pow", "QuantizeLinear", "RMSNormalization", "RandomNormal",
    "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Range", "Reciprocal", "ReduceL1",
    "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Resize", "ReverseSequence", "RotaryEmbedding",
    "Round", "STFT", "Scatter", "ScatterElements", "ScatterND", "SequenceAt", "SequenceConstruct",
    "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "Shape", "Sigmoid", "Sign",
    "Sin", "Sinh", "Size", "Slice", "Softmax", "Softplus", "Softsign", "Split", "SplitToSequence", "Sqrt",
    "Squeeze", "Sub", "Sum", "Swish", "Tan", "Tanh", "Tile", "TopK", "Transpose", "Trilu", "Unsqueeze",
    "Upsample", "Where", "Xor",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order() {
        assert!(ALLOWED.is_sorted());
    }

    #[test]
    fn refuses_what_it_should() {
        for (domain, operator, expected) in [
            ("", "Conv", true),
            ("ai.onnx", "ArgMax", true),
            ("", "PyOp", false),
            ("", "ReadFile", false),
            ("", "conv", false),
            ("com.example", "Conv", false),
            ("com.microsoft", "FusedMatMul", false),
            ("ai.onnx.contrib", "PyFunc", false),
        ] {
            assert_eq!(may_run(domain, operator), expected, "{domain}/{operator}");
        }
    }
}
