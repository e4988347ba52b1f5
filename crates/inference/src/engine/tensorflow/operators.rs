//! Which operators a graph may have where its owner and the machine's owner do not trust each other.
//!
//! TensorFlow's operators include some that read and write files, run Python, load libraries, talk to other machines or
//! print. A model that came encrypted is no reason to run those: only operators of this list run, and all others are
//! refused before the library sees the graph. Checkpoints are read by file operators of the graph itself; those may be
//! there, but nothing that a client can call may reach them, and what runs at load may read and not write.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_api::serving::saved_model::{NodeDef, attr_value, collection_def};
use strongroom_api::serving::tensor_info;

use super::saved_model::{Graph, LOADERS};

/// The graph has operators that may not run in confidential mode.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperatorError {
    /// Operators outside the list.
    #[error("the graph has operators that do not run in confidential mode: {0}")]
    NotAllowed(String),
    /// A signature leads to an operator that touches files.
    #[error("{from} leads to {operator}, which touches files")]
    ReachesFiles {
        /// What leads there.
        from: String,
        /// The operator.
        operator: String,
    },
}

impl OperatorError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "model.operator_refused"
    }
}

/// Checks all operators of the graph and of its functions, and what each entry can reach.
pub(super) fn check(graph: &Graph) -> Result<(), OperatorError> {
    let bodies = Bodies::new(graph);
    let mut unknown = BTreeSet::new();
    for node in bodies.all() {
        let known = allowed(&node.op)
            || CHECKPOINT.contains(&node.op.as_str())
            || bodies.functions.contains_key(&*node.op);
        if !known {
            unknown.insert(node.op.as_str());
        }
    }
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.into_iter().collect();
        return Err(OperatorError::NotAllowed(names.join(", ")));
    }
    for (name, definition) in &graph.meta.signature_def {
        let tensors = definition.inputs.values().chain(definition.outputs.values());
        let tensors = tensors.filter_map(|info| match &info.encoding {
            Some(tensor_info::Encoding::Name(name)) => Some(name.as_str()),
            _ => None,
        });
        let at_load = LOADERS.contains(&name.as_str());
        bodies.reach(
            &format!("signature {name:?}"),
            tensors,
            if at_load { WRITES } else { CHECKPOINT },
        )?;
    }
    // What runs once, at load: it reads the variables, and has nothing to write.
    let restore = graph
        .meta
        .saver_def
        .iter()
        .map(|saver| saver.restore_op_name.as_str());
    bodies.reach("the restore operation", restore, WRITES)?;
    let nodes = INIT_COLLECTIONS
        .iter()
        .filter_map(|name| graph.meta.collection_def.get(*name));
    let names = nodes
        .flat_map(|collection| &collection.kind)
        .flat_map(|collection_def::Kind::NodeList(nodes)| nodes.value.iter().map(String::as_str));
    bodies.reach("the init operation", names, WRITES)
}

fn allowed(operator: &str) -> bool {
    ALLOWED
        .iter()
        .any(|family| family.split_whitespace().any(|name| name == operator))
}

/// Nodes of the graph and of its functions, by name.
struct Bodies<'a> {
    nodes: BTreeMap<&'a str, &'a NodeDef>,
    functions: BTreeMap<&'a str, &'a [NodeDef]>,
}

impl<'a> Bodies<'a> {
    fn new(graph: &'a Graph) -> Self {
        let definition = graph.meta.graph_def.as_ref();
        let nodes = definition.into_iter().flat_map(|graph| &graph.node);
        let library = definition.and_then(|graph| graph.library.as_ref());
        let functions = library.into_iter().flat_map(|library| &library.function);
        Self {
            nodes: nodes.map(|node| (node.name.as_str(), node)).collect(),
            functions: functions
                .filter_map(|function| {
                    let name = function.signature.as_ref()?.name.as_str();
                    Some((name, function.node_def.as_slice()))
                })
                .collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &'a NodeDef> {
        let inner = self.functions.values().flat_map(|nodes| nodes.iter());
        self.nodes.values().copied().chain(inner)
    }

    /// Follows inputs, control inputs and called functions from the tensors or operations in `from`.
    fn reach<'n>(
        &self,
        what: &str,
        from: impl Iterator<Item = &'n str>,
        forbidden: &[&str],
    ) -> Result<(), OperatorError>
    where
        'a: 'n,
    {
        let mut pending: Vec<&str> = from.collect();
        let (mut seen, mut called) = (BTreeSet::new(), BTreeSet::new());
        while let Some(tensor) = pending.pop() {
            let name = operation(tensor);
            let Some(node) = self.nodes.get(name) else {
                continue;
            };
            if !seen.insert(node.name.as_str()) {
                continue;
            }
            self.check(what, node, forbidden)?;
            self.call(what, node, forbidden, &mut called)?;
            pending.extend(node.input.iter().map(String::as_str));
        }
        Ok(())
    }

    /// All of a called function counts as reached: its body is small, and what it returns decides nothing here.
    fn call(
        &self,
        what: &str,
        node: &'a NodeDef,
        forbidden: &[&str],
        called: &mut BTreeSet<&'a str>,
    ) -> Result<(), OperatorError> {
        let mut pending = vec![node];
        while let Some(node) = pending.pop() {
            for function in functions_of(node) {
                let Some((name, body)) = self.functions.get_key_value(function) else {
                    continue;
                };
                if called.insert(name) {
                    for inner in *body {
                        self.check(what, inner, forbidden)?;
                        pending.push(inner);
                    }
                }
            }
        }
        Ok(())
    }

    fn check(&self, what: &str, node: &NodeDef, forbidden: &[&str]) -> Result<(), OperatorError> {
        if forbidden.contains(&node.op.as_str()) {
            return Err(OperatorError::ReachesFiles {
                from: what.to_owned(),
                operator: node.op.clone(),
            });
        }
        Ok(())
    }
}

/// Functions that a node calls: by its own name, or by an attribute.
fn functions_of(node: &NodeDef) -> impl Iterator<Item = &str> {
    let by_attribute = node.attr.values().flat_map(|value| match &value.value {
        Some(attr_value::Value::Func(function)) => std::slice::from_ref(function),
        Some(attr_value::Value::List(list)) => list.func.as_slice(),
        None => &[],
    });
    by_attribute
        .map(|function| function.name.as_str())
        .chain(std::iter::once(node.op.as_str()))
}

/// The operation of a tensor or control input: `^a`, `a:1` and `a` are all of `a`.
fn operation(tensor: &str) -> &str {
    let tensor = tensor.strip_prefix('^').unwrap_or(tensor);
    tensor.split(':').next().unwrap_or(tensor)
}

/// Operators by which a SavedModel saves and restores its variables.
const CHECKPOINT: &[&str] = &[
    "RestoreV2",
    "SaveV2",
    "MergeV2Checkpoints",
    "ShardedFilename",
    "ShardedFilespec",
];
/// Those of them that write.
const WRITES: &[&str] = &["SaveV2", "MergeV2Checkpoints"];
/// Collections that name what runs after the variables were restored.
const INIT_COLLECTIONS: [&str; 2] = ["saved_model_main_op", "legacy_init_op"];

/// Operators that compute, and touch nothing but tensors, variables and tables in memory.
const ALLOWED: &[&str] = &[
    // Structure, constants and arguments.
    "Const Placeholder PlaceholderWithDefault PlaceholderV2 Identity IdentityN NoOp StopGradient PreventGradient \
     Snapshot DeepCopy _Arg _Retval _DeviceArg _DeviceRetval Empty EnsureShape Shape ShapeN Size Rank Fill ZerosLike \
     OnesLike Range LinSpace Cast Bitcast BroadcastTo BroadcastArgs BroadcastGradientArgs GuaranteeConst Assert \
     CheckNumerics CheckNumericsV2 InvertPermutation",
    // Variables.
    "DisableCopyOnRead Variable VariableV2 VarHandleOp _VarHandlesOp ReadVariableOp _ReadVariablesOp AssignVariableOp AssignAddVariableOp \
     AssignSubVariableOp VarIsInitializedOp VariableShape DestroyResourceOp IsVariableInitialized Assign AssignAdd \
     AssignSub TemporaryVariable DestroyTemporaryVariable ResourceGather ResourceGatherNd ResourceScatterAdd \
     ResourceScatterSub ResourceScatterMul ResourceScatterDiv ResourceScatterMin ResourceScatterMax \
     ResourceScatterUpdate ResourceScatterNdUpdate ResourceScatterNdAdd ResourceScatterNdSub \
     ResourceStridedSliceAssign StridedSliceAssign ScatterUpdate ScatterAdd ScatterSub ScatterNdUpdate ScatterNdAdd",
    // Control flow and functions of the same graph.
    "PartitionedCall StatefulPartitionedCall If StatelessIf While StatelessWhile Case StatelessCase For Switch RefSwitch \
     Merge RefMerge Enter RefEnter Exit RefExit NextIteration RefNextIteration LoopCond ControlTrigger SymbolicGradient \
     FakeParam ToBool Select SelectV2 Where Stack StackV2 StackPush StackPushV2 StackPop StackPopV2 StackClose \
     StackCloseV2",
    // Shapes and pieces.
    "Reshape Squeeze ExpandDims Transpose ConjugateTranspose Concat ConcatV2 ConcatOffset Split SplitV Slice \
     StridedSlice StridedSliceGrad Pack Unpack ParallelConcat Tile TileGrad Reverse ReverseV2 ReverseSequence Roll Pad \
     PadV2 MirrorPad MirrorPadGrad Gather GatherV2 GatherNd ScatterNd ScatterNdNonAliasingAdd TensorScatterUpdate \
     TensorScatterAdd TensorScatterSub TensorScatterMax TensorScatterMin TensorStridedSliceUpdate DynamicPartition \
     DynamicStitch ParallelDynamicStitch Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2 OneHot Diag DiagPart \
     MatrixDiag MatrixDiagV2 MatrixDiagV3 MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixSetDiag MatrixSetDiagV2 \
     MatrixSetDiagV3 MatrixBandPart SpaceToBatch SpaceToBatchND BatchToSpace BatchToSpaceND SpaceToDepth DepthToSpace \
     ExtractImagePatches ExtractVolumePatches Bincount DenseBincount RaggedBincount Histogram HistogramFixedWidth \
     Searchsorted LowerBound UpperBound ListDiff TopK TopKV2 NthElement InTopK InTopKV2 SequenceMask Copy",
    // Arithmetic.
    "Add AddV2 AddN AccumulateNV2 Sub Mul MulNoNan Div DivNoNan RealDiv TruncateDiv FloorDiv Mod FloorMod TruncateMod Pow \
     Neg Abs Sign Square Sqrt Rsqrt Reciprocal Inv Exp Expm1 Log Log1p Sin Cos Tan Asin Acos Atan Atan2 Sinh Cosh Tanh \
     Asinh Acosh Atanh Erf Erfc Erfinv Ndtri Lgamma Digamma Polygamma Zeta Igamma Igammac Betainc Round Rint Floor Ceil \
     Maximum Minimum SquaredDifference Xlogy Xlog1py Xdivy NextAfter IsNan IsInf IsFinite Less LessEqual Greater \
     GreaterEqual Equal NotEqual ApproximateEqual LogicalAnd LogicalOr LogicalNot BitwiseAnd BitwiseOr BitwiseXor Invert \
     LeftShift RightShift PopulationCount Complex ComplexAbs Real Imag Conj Angle Sum Prod Mean Max Min All Any \
     EuclideanNorm ArgMax ArgMin Cumsum Cumprod CumulativeLogsumexp SegmentSum SegmentMean SegmentMax SegmentMin \
     SegmentProd SegmentSumV2 SegmentMaxV2 SegmentMinV2 SegmentProdV2 UnsortedSegmentSum UnsortedSegmentMax \
     UnsortedSegmentMin UnsortedSegmentProd ClipByValue Bucketize Cross BesselI0e BesselI1e TanhGrad SigmoidGrad SqrtGrad \
     RsqrtGrad",
    // Matrices and transforms.
    "MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 SparseMatMul Einsum Cholesky MatrixInverse MatrixDeterminant \
     LogMatrixDeterminant MatrixSolve MatrixTriangularSolve MatrixSolveLs MatrixExponential MatrixLogarithm \
     MatrixSquareRoot Qr Svd SelfAdjointEig SelfAdjointEigV2 Eig Lu FFT FFT2D FFT3D IFFT IFFT2D IFFT3D RFFT RFFT2D RFFT3D \
     IRFFT IRFFT2D IRFFT3D _FusedMatMul",
    // Neural networks.
    "Conv Conv2D Conv3D DepthwiseConv2dNative Conv2DBackpropInput Conv3DBackpropInput Conv3DBackpropInputV2 Dilation2D \
     BiasAdd BiasAddV1 Relu Relu6 LeakyRelu Elu Selu Softplus Softsign Sigmoid Softmax LogSoftmax LRN L2Loss AvgPool \
     AvgPool3D MaxPool MaxPoolV2 MaxPool3D MaxPoolWithArgmax FractionalAvgPool FractionalMaxPool FusedBatchNorm \
     FusedBatchNormV2 FusedBatchNormV3 BatchNormWithGlobalNormalization SoftmaxCrossEntropyWithLogits \
     SparseSoftmaxCrossEntropyWithLogits CTCGreedyDecoder CTCBeamSearchDecoder LSTMBlockCell BlockLSTM BlockLSTMV2 \
     GRUBlockCell ComputeAccidentalHits _FusedConv2D _FusedBatchNormEx XlaDynamicSlice FakeQuantWithMinMaxArgs \
     FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel QuantizeV2 Dequantize QuantizeAndDequantize \
     QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizedMatMul QuantizedConv2D QuantizedRelu \
     QuantizedRelu6 QuantizedBiasAdd QuantizedMaxPool QuantizedAvgPool QuantizedConcat Requantize RequantizationRange \
     QuantizeDownAndShrinkRange",
    // Strings, parsing and images, from tensors to tensors.
    "AsString StringJoin StringSplit StringSplitV2 StringLength StringLower StringUpper StringStrip StringFormat StringNGrams \
     StringToNumber StringToHashBucket StringToHashBucketFast StringToHashBucketStrong Substr ReduceJoin RegexReplace \
     RegexFullMatch StaticRegexReplace StaticRegexFullMatch UnicodeEncode UnicodeDecode UnicodeDecodeWithOffsets \
     UnicodeTranscode UnicodeScript UnsortedSegmentJoin EncodeBase64 DecodeBase64 DecodeRaw DecodePaddedRaw DecodeCSV \
     DecodeJSONExample DecodeCompressed ParseExample ParseExampleV2 ParseSingleExample ParseSequenceExample \
     ParseSequenceExampleV2 ParseSingleSequenceExample ParseTensor SerializeTensor DecodeImage DecodeJpeg \
     DecodeAndCropJpeg DecodePng DecodeGif DecodeBmp DecodeWebP EncodeJpeg EncodeJpegVariableQuality EncodePng \
     ExtractJpegShape DecodeWav EncodeWav AudioSpectrogram Mfcc ResizeArea ResizeBicubic ResizeBilinear \
     ResizeNearestNeighbor CropAndResize AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation RGBToHSV HSVToRGB \
     DrawBoundingBoxes DrawBoundingBoxesV2 NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3 \
     NonMaxSuppressionV4 NonMaxSuppressionV5 NonMaxSuppressionWithOverlaps CombinedNonMaxSuppression \
     GenerateBoundingBoxProposals ExtractGlimpse ExtractGlimpseV2 ImageProjectiveTransformV2 ImageProjectiveTransformV3 \
     ScaleAndTranslate Fingerprint",
    // Sparse and ragged tensors, lists of tensors.
    "SparseToDense SparseTensorDenseMatMul SparseTensorDenseAdd SparseAdd SparseConcat SparseCross SparseCrossV2 \
     SparseCrossHashed SparseDenseCwiseAdd SparseDenseCwiseDiv SparseDenseCwiseMul SparseFillEmptyRows SparseReduceMax \
     SparseReduceSum SparseReorder SparseReshape SparseSegmentMean SparseSegmentMeanWithNumSegments SparseSegmentSqrtN \
     SparseSegmentSqrtNWithNumSegments SparseSegmentSum SparseSegmentSumWithNumSegments SparseSlice SparseSoftmax \
     SparseSparseMaximum SparseSparseMinimum SparseSplit SerializeSparse SerializeManySparse DeserializeSparse \
     DeserializeManySparse RaggedGather RaggedRange RaggedTensorFromVariant RaggedTensorToSparse RaggedTensorToTensor \
     RaggedTensorToVariant RaggedCross RaggedFillEmptyRows EmptyTensorList TensorListReserve TensorListStack \
     TensorListFromTensor TensorListGetItem TensorListSetItem TensorListPushBack TensorListPopBack TensorListLength \
     TensorListElementShape TensorListGather TensorListScatter TensorListScatterV2 TensorListScatterIntoExistingList \
     TensorListConcat TensorListConcatV2 TensorListConcatLists TensorListSplit TensorListResize \
     TensorListPushBackBatch TensorArrayV3 TensorArrayReadV3 TensorArrayWriteV3 TensorArrayGatherV3 TensorArrayScatterV3 \
     TensorArrayConcatV3 TensorArraySplitV3 TensorArraySizeV3 TensorArrayCloseV3",
    // Tables in memory: those that a file fills are refused.
    "HashTable HashTableV2 AnonymousHashTable MutableHashTable MutableHashTableV2 AnonymousMutableHashTable \
     MutableDenseHashTable MutableDenseHashTableV2 LookupTableFind LookupTableFindV2 LookupTableInsert \
     LookupTableInsertV2 LookupTableImport LookupTableImportV2 LookupTableExport LookupTableExportV2 LookupTableSize \
     LookupTableSizeV2 LookupTableRemoveV2 InitializeTable InitializeTableV2",
    // Chance.
    "RandomUniform RandomUniformInt RandomStandardNormal TruncatedNormal ParameterizedTruncatedNormal RandomShuffle \
     RandomGamma RandomPoisson RandomPoissonV2 Multinomial StatelessMultinomial StatelessRandomUniform \
     StatelessRandomUniformV2 StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomNormal \
     StatelessRandomNormalV2 StatelessTruncatedNormal StatelessTruncatedNormalV2 StatelessRandomGetAlg \
     StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomBinomial StatelessRandomGammaV2 \
     StatelessRandomPoisson StatefulUniform StatefulUniformInt StatefulStandardNormalV2 StatefulTruncatedNormal \
     RngReadAndSkip RngSkip LearnedUnigramCandidateSampler LogUniformCandidateSampler UniformCandidateSampler \
     AllCandidateSampler",
];

#[cfg(test)]
#[path = "operators_tests.rs"]
mod tests;
