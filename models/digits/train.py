"""Trains the demo's digit classifier and writes every artefact of this folder.

    python train.py [--out FOLDER]

Data: scikit-learn's 1,797 handwritten digits, 8x8 pixels of 0..16. A stratified split with a fixed seed holds 360 of
them back; no training step sees those. The same weights go out as ONNX and as a TensorFlow SavedModel, and the run
fails if the two disagree or if the accuracy on the held-back part is too low.
"""

import argparse
import json
import os
from pathlib import Path

# Read by TensorFlow when it is imported. oneDNN may sum in another order and so round otherwise; plain Eigen on one
# thread gives the same bytes in each run.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 20240817
HELD_BACK = 360
EPOCHS = 60
EPOCHS_OLDER = 12
BATCH = 32
LEARNING_RATE_MAX = 2e-3
WEIGHT_DECAY = 1e-3
SHIFT_PIXELS_MAX = 1
ACCURACY_MIN = 0.985
AGREEMENT_MAX = 1e-5
TOLERANCE = 1e-4
PIXEL_MAX = 16


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the digit classifier and writes its artefacts.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to (default: this one)")
    out = parser.parse_args().out

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()

    digits = load_digits()
    train_x, held_x, train_y, held_y = train_test_split(
        digits.images, digits.target, test_size=HELD_BACK, stratify=digits.target, random_state=SEED
    )
    images = as_input(held_x)

    model = fit(as_input(train_x), train_y, EPOCHS)
    write_onnx(model, out / "onnx/model.onnx", version=2)
    write_saved_model(model, out / "saved_model/1")
    older = fit(as_input(train_x), train_y, EPOCHS_OLDER)
    write_onnx(older, out / "older/model.onnx", version=1)

    # What is measured are the files as written, not the model in memory.
    probabilities, digit = run_onnx(out / "onnx/model.onnx", images)
    _, digit_older = run_onnx(out / "older/model.onnx", images)
    difference = disagreement(out, images, probabilities, digit)

    metrics = {
        "held_back": len(held_y),
        "correct": int((digit == held_y).sum()),
        "accuracy": round(float((digit == held_y).mean()), 6),
        "train": len(train_y),
        "seed": SEED,
        "epochs": EPOCHS,
        "parameters": sum(int(tf.size(v)) for v in model.trainable_variables),
        "onnx_vs_saved_model_max_abs_diff_below": AGREEMENT_MAX,
        "older": {
            "epochs": EPOCHS_OLDER,
            "correct": int((digit_older == held_y).sum()),
            "accuracy": round(float((digit_older == held_y).mean()), 6),
        },
    }
    write_json(out / "metrics.json", metrics, indent=2)
    write_json(
        out / "held_back.json",
        {"images": held_x.reshape(-1, 64).astype(int).tolist(), "labels": held_y.tolist()},
    )
    write_reference(out / "reference.json", images[:4], probabilities[:4], digit[:4])
    write_images(out / "images", held_x, held_y)

    print(json.dumps(metrics, indent=2))
    print(f"ONNX and SavedModel differ by at most {difference:.2e}")
    if metrics["accuracy"] < ACCURACY_MIN:
        raise SystemExit(f"accuracy {metrics['accuracy']} is below {ACCURACY_MIN}")


def as_input(pixels: np.ndarray) -> np.ndarray:
    """[n,8,8] pixels of 0..16 to the model's input: [n,8,8,1] float32 of 0..1."""
    return (pixels / PIXEL_MAX).astype(np.float32)[..., np.newaxis]


class Classifier(tf.Module):
    """conv 3x3 -> conv 3x3 -> max pool 2x2 -> dense -> dense, ReLU between; about 12 thousand float32 weights."""

    def __init__(self, seed: int):
        super().__init__()
        init = tf.keras.initializers.HeNormal
        self.conv1 = tf.Variable(init(seed)([3, 3, 1, 16]), name="conv1")
        self.conv1_bias = tf.Variable(tf.zeros([16]), name="conv1_bias")
        self.conv2 = tf.Variable(init(seed + 1)([3, 3, 16, 16]), name="conv2")
        self.conv2_bias = tf.Variable(tf.zeros([16]), name="conv2_bias")
        self.dense1 = tf.Variable(init(seed + 2)([4 * 4 * 16, 36]), name="dense1")
        self.dense1_bias = tf.Variable(tf.zeros([36]), name="dense1_bias")
        self.dense2 = tf.Variable(init(seed + 3)([36, 10]), name="dense2")
        self.dense2_bias = tf.Variable(tf.zeros([10]), name="dense2_bias")

    def logits(self, image: tf.Tensor) -> tf.Tensor:
        """[batch,8,8,1] float32 of 0..1 to [batch,10] float32, unbounded."""
        x = tf.nn.relu(tf.nn.conv2d(image, self.conv1, 1, "SAME") + self.conv1_bias)
        x = tf.nn.relu(tf.nn.conv2d(x, self.conv2, 1, "SAME") + self.conv2_bias)
        x = tf.reshape(tf.nn.max_pool2d(x, 2, 2, "VALID"), [-1, 4 * 4 * 16])
        x = tf.nn.relu(tf.matmul(x, self.dense1) + self.dense1_bias)
        return tf.matmul(x, self.dense2) + self.dense2_bias

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, name="image")])
    def serve(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """[batch,8,8,1] float32 of 0..1 to `probabilities` [batch,10] float32, rows sum to 1, and `digit` [batch] int64."""
        probabilities = tf.nn.softmax(self.logits(image))
        return {"probabilities": probabilities, "digit": tf.argmax(probabilities, axis=1)}


def fit(images: np.ndarray, labels: np.ndarray, epochs: int) -> Classifier:
    """Trains from the seed with AdamW and a cosine schedule; images [n,8,8,1] float32 of 0..1, labels [n] int of 0..9."""
    rng = np.random.default_rng(SEED)
    model = Classifier(SEED)
    variables = model.trainable_variables
    steps = epochs * (len(images) // BATCH)
    rate = tf.keras.optimizers.schedules.CosineDecay(LEARNING_RATE_MAX, steps)
    optimizer = tf.keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY)
    optimizer.build(variables)

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            losses = tf.nn.softmax_cross_entropy_with_logits(smooth(y), model.logits(x))
            loss = tf.reduce_mean(losses)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    for _ in range(epochs):
        order = rng.permutation(len(images))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            step(tf.constant(shifted(images[batch], rng)), tf.constant(labels[batch]))
    return model


def smooth(labels: tf.Tensor) -> tf.Tensor:
    """[n] labels to [n,10] targets, 5 % spread over all digits, so that odd handwriting does not get a sure answer."""
    return tf.one_hot(labels, 10) * 0.95 + 0.005


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image moved by up to SHIFT_PIXELS_MAX both ways, zeros moving in: 1,437 images are few to learn position from."""
    m = SHIFT_PIXELS_MAX
    padded = np.pad(images, ((0, 0), (m, m), (m, m), (0, 0)))
    moves = rng.integers(0, 2 * m + 1, size=(len(images), 2))
    return np.stack([p[dy : dy + 8, dx : dx + 8] for p, (dy, dx) in zip(padded, moves)])


def write_onnx(model: Classifier, path: Path, version: int) -> None:
    """Writes the weights as an ONNX graph (opset 17) with the SavedModel's inputs and outputs.

    ONNX convolves channels first, so the graph turns the image once, and the first dense layer's rows are put from
    (y, x, channel) into (channel, y, x) order instead of turning the activations back.
    """

    def kernel(v: tf.Variable) -> np.ndarray:
        return v.numpy().transpose(3, 2, 0, 1)

    dense1 = model.dense1.numpy().reshape(4, 4, 16, -1).transpose(2, 0, 1, 3).reshape(4 * 4 * 16, -1)
    weights = {
        "conv1": kernel(model.conv1),
        "conv1_bias": model.conv1_bias.numpy(),
        "conv2": kernel(model.conv2),
        "conv2_bias": model.conv2_bias.numpy(),
        "dense1": dense1,
        "dense1_bias": model.dense1_bias.numpy(),
        "dense2": model.dense2.numpy(),
        "dense2_bias": model.dense2_bias.numpy(),
    }
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    node = helper.make_node
    nodes = [
        node("Transpose", ["image"], ["channels_first"], perm=[0, 3, 1, 2]),
        node("Conv", ["channels_first", "conv1", "conv1_bias"], ["c1"], **same),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "conv2", "conv2_bias"], ["c2"], **same),
        node("Relu", ["c2"], ["r2"]),
        node("MaxPool", ["r2"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["pooled"], ["flat"], axis=1),
        node("Gemm", ["flat", "dense1", "dense1_bias"], ["d1"]),
        node("Relu", ["d1"], ["r3"]),
        node("Gemm", ["r3", "dense2", "dense2_bias"], ["logits"]),
        node("Softmax", ["logits"], ["probabilities"], axis=1),
        node("ArgMax", ["probabilities"], ["digit"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 8, 8, 1])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10]),
            helper.make_tensor_value_info("digit", TensorProto.INT64, ["batch"]),
        ],
        [numpy_helper.from_array(np.ascontiguousarray(w), name) for name, w in weights.items()],
    )
    # IR 8 is what opset 17 came with; the package's newest would shut out older runtimes for nothing.
    proto = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="strongroom-digits",
        model_version=version,
    )
    onnx.checker.check_model(proto, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def write_saved_model(model: Classifier, folder: Path) -> None:
    """Writes a SavedModel with the signature `serving_default`; the weights are its variables."""
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.serve})
    # Optional to every loader and holds a random UUID: without it two runs write the same bytes.
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    # Empty, so version control would not keep it.
    (folder / "assets").rmdir()


def run_onnx(path: Path, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Runs [n,8,8,1] float32 images; gives probabilities [n,10] float32 and digit [n] int64."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return tuple(session.run(["probabilities", "digit"], {"image": images}))


def disagreement(out: Path, images: np.ndarray, probabilities: np.ndarray, digit: np.ndarray) -> float:
    """Largest absolute difference of a probability between the SavedModel and the ONNX model's answers."""
    # Loaded back from disk, as a server would.
    answer = tf.saved_model.load(str(out / "saved_model/1")).signatures["serving_default"](image=tf.constant(images))
    difference = float(np.abs(answer["probabilities"].numpy() - probabilities).max())
    if difference >= AGREEMENT_MAX or not np.array_equal(answer["digit"].numpy(), digit):
        raise SystemExit(f"ONNX and SavedModel disagree: {difference:.2e}")
    return difference


def write_reference(path: Path, images: np.ndarray, probabilities: np.ndarray, digit: np.ndarray) -> None:
    """Inputs with the answers a server must give, within `tolerance` (absolute, per value), before it takes traffic."""

    def tensor(dtype: str, array: np.ndarray) -> dict:
        # Nine significant digits give each float32 back exactly.
        values = [float(f"{v:.9g}") if array.dtype.kind == "f" else int(v) for v in array.ravel()]
        return {"dtype": dtype, "shape": list(array.shape), "values": values}

    write_json(
        path,
        {
            "inputs": {"image": tensor("DT_FLOAT", images)},
            "outputs": {"probabilities": tensor("DT_FLOAT", probabilities), "digit": tensor("DT_INT64", digit)},
            "tolerance": TOLERANCE,
        },
    )


def write_images(folder: Path, pixels: np.ndarray, labels: np.ndarray) -> None:
    """The first held-back image of each digit as 8x8 grey PNG of 8 bits, named label-index (index into held_back.json)."""
    folder.mkdir(parents=True, exist_ok=True)
    for label in range(10):
        index = int(np.argmax(labels == label))
        grey = np.rint(pixels[index] * 255 / PIXEL_MAX).astype(np.uint8)
        png = tf.io.encode_png(grey[..., np.newaxis]).numpy()
        (folder / f"{label}-{index:04}.png").write_bytes(png)


def write_json(path: Path, value: dict, indent: int | None = None) -> None:
    separators = None if indent else (",", ":")
    path.write_text(json.dumps(value, indent=indent, separators=separators) + "\n")


if __name__ == "__main__":
    main()
