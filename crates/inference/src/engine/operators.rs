//! The operators that a graph may hold: arithmetic on its inputs, and nothing that reaches out.
//!
//! An allow list, because a deny list grows old: an operator that reads files, prints, runs Python, calls a remote
//! machine or comes from a custom library is refused by not standing here. ONNX's own operators of the default domain
//! that the embedded engine implements; every other domain is refused as a whole.

/// Which list a graph is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operators {
    /// What the embedded engine implements of ONNX's default domain.
    Embedded,
    /// That, the rest of ONNX's default domain, and `ai.onnx.ml`.
    OnnxRuntime,
}

impl Operators {
    /// Whether nodes of this kind may run here.
    #[must_use]
    pub fn may_run(self, domain: &str, operator: &str) -> bool {
        let is_on = |list: &[&str]| list.binary_search(&operator).is_ok();
        match (self, domain) {
            (Self::Embedded, "" | "ai.onnx") => is_on(ALLOWED),
            (Self::OnnxRuntime, "" | "ai.onnx") => is_on(ALLOWED) || is_on(FURTHER),
            (Self::OnnxRuntime, "ai.onnx.ml") => is_on(CLASSICAL),
            _ => false,
        }
    }
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

/// What ONNX Runtime has beyond that; `ImageDecoder`, which parses files, is left out.
#[rustfmt::skip]
const FURTHER: &[&str] = &[
    "AffineGrid", "Bernoulli", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor",
    "BlackmanWindow", "Celu", "CenterCropPad", "Col2Im", "Compress", "DeformConv", "Det", "GlobalLpPool",
    "GroupNormalization", "HammingWindow", "HannWindow", "Hardmax", "LRN", "LpPool", "MaxRoiPool",
    "MaxUnpool", "MeanVarianceNormalization", "MelWeightMatrix", "Mish", "NegativeLogLikelihoodLoss",
    "Optional", "OptionalGetElement", "OptionalHasElement", "QLinearConv", "QLinearMatMul", "RNN",
    "RegexFullMatch", "RoiAlign", "Scan", "Selu", "SequenceMap", "Shrink", "SoftmaxCrossEntropyLoss",
    "SpaceToDepth", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer", "ThresholdedRelu",
    "Unique",
];

/// Trees, linear models and their preparation.
#[rustfmt::skip]
const CLASSICAL: &[&str] = &[
    "ArrayFeatureExtractor", "Binarizer", "CategoryMapper", "FeatureVectorizer", "Imputer", "LabelEncoder",
    "LinearClassifier", "LinearRegressor", "Normalizer", "OneHotEncoder", "SVMClassifier", "SVMRegressor",
    "Scaler", "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order() {
        for list in [ALLOWED, FURTHER, CLASSICAL] {
            assert!(list.is_sorted());
        }
    }

    #[test]
    fn refuses_what_it_should() {
        for (domain, operator, embedded, onnxruntime) in [
            ("", "Conv", true, true),
            ("ai.onnx", "ArgMax", true, true),
            ("", "Scan", false, true),
            ("", "TreeEnsemble", false, false),
            ("ai.onnx.ml", "TreeEnsemble", false, true),
            ("ai.onnx.ml", "Conv", false, false),
            ("", "ImageDecoder", false, false),
            ("", "PyOp", false, false),
            ("", "ReadFile", false, false),
            ("", "conv", false, false),
            ("com.example", "Conv", false, false),
            ("com.microsoft", "FusedMatMul", false, false),
            ("ai.onnx.contrib", "PyFunc", false, false),
        ] {
            let found =
                [Operators::Embedded, Operators::OnnxRuntime].map(|list| list.may_run(domain, operator));
            assert_eq!(found, [embedded, onnxruntime], "{domain}/{operator}");
        }
    }
}
