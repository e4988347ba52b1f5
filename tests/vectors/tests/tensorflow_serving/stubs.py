"""Asks a model everything that the official stubs can ask, and compares with golden answers.

    python stubs.py ADDRESS MODEL VERSION GOLDEN.json

MODEL is the vector's folder, which decides what is fed; the server serves it as `m`.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

TIMEOUT_S = 60


def main() -> None:
    address, model, version, golden_path = sys.argv[1:]
    with open(golden_path) as file:
        golden = json.load(file)
    with grpc.insecure_channel(address) as channel:
        predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        status(models, int(version))
        signatures = metadata(predictions, int(version))
        for name, outputs in golden.items():
            ask(predictions, model, name, signatures[name], outputs)
        multi(predictions, signatures, golden)
        refusals(predictions, models)


def status(models, version: int) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    found = models.GetModelStatus(request, timeout=TIMEOUT_S).model_version_status
    state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(one.version, one.state, one.status.error_code) for one in found] == [(version, state, 0)], found


def metadata(predictions, version: int):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "m"
    answer = predictions.GetModelMetadata(request, timeout=TIMEOUT_S)
    assert answer.model_spec.version.value == version, answer.model_spec
    signatures = SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    return signatures.signature_def


def ask(predictions, model: str, name: str, signature, golden) -> None:
    if takes_rows(signature):
        rows(predictions, name, golden)
        return
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.model_spec.signature_name = name
    for alias, info in signature.inputs.items():
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(value(model, info)))
    answer = predictions.Predict(request, timeout=TIMEOUT_S)
    assert answer.model_spec.signature_name == name, answer.model_spec
    assert sorted(answer.outputs) == sorted(golden), answer.outputs.keys()
    for alias, expected in golden.items():
        # Typed values by default: clients read `float_val`.
        assert answer.outputs[alias].float_val, answer.outputs[alias]
        np.testing.assert_array_equal(tf.make_ndarray(answer.outputs[alias]), np.array(expected, np.float32))
    one = sorted(golden)[0]
    # A counter would count on.
    if signature.inputs:
        request.output_filter.append(one)
        assert list(predictions.Predict(request, timeout=TIMEOUT_S).outputs) == [one]


def takes_rows(signature) -> bool:
    # One model declares its rows as floats.
    infos = signature.inputs.values()
    return any(info.dtype == tf.string.as_datatype_enum or info.name == "tf_example:0" for info in infos)


def value(model: str, info) -> np.ndarray:
    if model == "matrix_half_plus_two":
        return np.ones([1, 3, 3], np.float32)
    if model == "saved_model_counter":
        return np.float32(3.0)
    # Where nothing is declared, the golden answers were asked for with a column.
    declared = info.HasField("tensor_shape") and not info.tensor_shape.unknown_rank
    rank = len(info.tensor_shape.dim) if declared else 2
    return np.full([1] * rank, 2.0, np.float32)


def example():
    floats = lambda number: tf.train.Feature(float_list=tf.train.FloatList(value=[number]))
    return tf.train.Example(features=tf.train.Features(feature={"x": floats(2.0), "x2": floats(2.0)}))


def rows(predictions, name: str, golden) -> None:
    if "scores" in golden:
        request = classification_pb2.ClassificationRequest()
        request.input.example_list.examples.extend([example(), example()])
        request.model_spec.name, request.model_spec.signature_name = "m", name
        answer = predictions.Classify(request, timeout=TIMEOUT_S).result.classifications
        assert [row.classes[0].score for row in answer] == [golden["scores"][0][0]] * 2, answer
    else:
        request = regression_pb2.RegressionRequest()
        request.input.example_list_with_context.examples.extend([tf.train.Example(), tf.train.Example()])
        request.input.example_list_with_context.context.CopyFrom(example())
        request.model_spec.name, request.model_spec.signature_name = "m", name
        answer = predictions.Regress(request, timeout=TIMEOUT_S).result.regressions
        assert [row.value for row in answer] == [golden["outputs"][0][0]] * 2, answer


def multi(predictions, signatures, golden) -> None:
    request = inference_pb2.MultiInferenceRequest()
    request.input.example_list.examples.append(example())
    wanted = {}
    for name, signature in signatures.items():
        method = signature.method_name
        kinds = ("tensorflow/serving/classify", "tensorflow/serving/regress")
        if method in kinds and takes_rows(signature):
            task = request.tasks.add(method_name=method)
            task.model_spec.name, task.model_spec.signature_name = "m", name
            wanted[name] = golden[name]
    if not wanted:
        return
    for result in predictions.MultiInference(request, timeout=TIMEOUT_S).results:
        expected = wanted.pop(result.model_spec.signature_name)
        if result.HasField("classification_result"):
            found = result.classification_result.classifications[0].classes[0].score
            assert found == expected["scores"][0][0], result
        else:
            assert result.regression_result.regressions[0].value == expected["outputs"][0][0], result
    assert not wanted, wanted


def refusals(predictions, models) -> None:
    def refused(call, request):
        try:
            call(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return error.code(), error.details()
        raise AssertionError(f"not refused: {request}")

    request = predict_pb2.PredictRequest()
    # Readiness probes look for this word.
    request.model_spec.name = "missing"
    assert refused(predictions.Predict, request) == (
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Latest(missing)",
    )
    request.model_spec.name = "m"
    request.model_spec.version.CopyFrom(wrappers_pb2.Int64Value(value=99))
    assert refused(predictions.Predict, request) == (
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Specific(m, 99)",
    )
    request.model_spec.version_label = "stable"
    assert refused(predictions.Predict, request)[0] == grpc.StatusCode.INVALID_ARGUMENT
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "m", "missing"
    assert refused(predictions.Predict, request) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        'Serving signature key "missing" not found.',
    )
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "missing"
    assert refused(models.GetModelStatus, request)[0] == grpc.StatusCode.NOT_FOUND


if __name__ == "__main__":
    main()
