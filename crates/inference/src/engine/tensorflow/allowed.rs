//! The operators that any graph may have, by what they are for.

/// Operators that compute, and touch nothing but tensors, variables and tables in memory.
pub(super) const ALLOWED: &[&str] = &[
    // Structure, constants and arguments.
    "Const Placeholder PlaceholderWithDefault PlaceholderV2 Identity IdentityN NoOp StopGradient PreventGradient \
     Snapshot DeepCopy _Arg _Retval _DeviceArg _DeviceRetval Empty EnsureShape Shape ShapeN Size Rank Fill ZerosLike \
     OnesLike Range LinSpace Cast Bitcast BroadcastTo BroadcastArgs BroadcastGradientArgs GuaranteeConst Assert \
     CheckNumerics CheckNumericsV2 InvertPermutation",
    // Variables.
    "DisableCopyOnRead Variable VariableV2 VarHandleOp ReadVariableOp AssignVariableOp AssignAddVariableOp \
     AssignSubVariableOp VarIsInitializedOp VariableShape DestroyResourceOp IsVariableInitialized Assign AssignAdd \
     AssignSub TemporaryVariable DestroyTemporaryVariable ResourceGather ResourceGatherNd ResourceScatterAdd \
     ResourceScatterSub ResourceScatterMul ResourceScatterDiv ResourceScatterMin ResourceScatterMax \
     ResourceScatterUpdate ResourceScatterNdUpdate ResourceScatterNdAdd ResourceScatterNdSub \
     ResourceStridedSliceAssign StridedSliceAssign ScatterUpdate ScatterAdd ScatterSub ScatterNdUpdate ScatterNdAdd",
    // Control flow and functions of the same graph.
    "PartitionedCall StatefulPartitionedCall If StatelessIf While StatelessWhile Case StatelessCase For Switch RefSwitch \
     Merge RefMerge Enter RefEnter Exit RefExit NextIteration RefNextIteration LoopCond ControlTrigger \
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
    // Tables in memory.
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
