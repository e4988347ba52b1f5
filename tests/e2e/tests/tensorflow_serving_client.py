"""Calls gRPC Predict with TensorFlow Serving's own client stubs.

Arguments: endpoint (host:port), CA certificate (PEM), predict body (row form JSON, [n, 8, 8, 1], 0.0 to 1.0).
Prints `predicted N digits` when the answer has N digits and probabilities that sum to one.
"""

import json
import sys

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def main() -> None:
    endpoint, ca_file, body_file = sys.argv[1:]
    with open(ca_file, "rb") as file:
        credentials = grpc.ssl_channel_credentials(root_certificates=file.read())
    with open(body_file, encoding="utf-8") as file:
        images = np.array(json.load(file)["instances"], dtype=np.float32)

    request = predict_pb2.PredictRequest()
    request.model_spec.name = "digits"
    request.model_spec.signature_name = "serving_default"
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(images))
    with grpc.secure_channel(endpoint, credentials) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        response = stub.Predict(request, timeout=30)

    digits = tf.make_ndarray(response.outputs["digit"])
    probabilities = tf.make_ndarray(response.outputs["probabilities"])
    assert digits.shape == (len(images),) and digits.dtype == np.int64, (digits.shape, digits.dtype)
    assert np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert response.model_spec.version.value >= 1
    print(f"predicted {len(digits)} digits")


if __name__ == "__main__":
    main()
