"""Writes the SavedModels that the tests of the TensorFlow engine run, each into a folder of its name below argv[1]."""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import tensorflow as tf

v1 = tf.compat.v1
ROOT = sys.argv[1]


def info(tensor):
    return v1.saved_model.build_tensor_info(tensor)


def write(name, build, tags=("serve",)):
    """A graph of TensorFlow 1: `build` gives {signature: ({alias: input}, {alias: output})} and what builders take."""
    with tf.Graph().as_default(), v1.Session() as session:
        signatures, more = build()
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(os.path.join(ROOT, name))
        definitions = {
            key: v1.saved_model.build_signature_def(
                {alias: info(tensor) for alias, tensor in inputs.items()},
                {alias: info(tensor) for alias, tensor in outputs.items()},
                "tensorflow/serving/predict",
            )
            for key, (inputs, outputs) in signatures.items()
        }
        if name == "relu":
            # Nobody stops a model's author from naming what is not there.
            nowhere = v1.saved_model.build_signature_def({}, {"y": info(tf.constant(0.0))}, "")
            nowhere.outputs["y"].name = "nowhere:0"
            definitions["absent"] = nowhere
        builder.add_meta_graph_and_variables(session, list(tags), signature_def_map=definitions, **more)
        builder.save()


def relu():
    x = v1.placeholder(tf.float32, [None, 2], "x")
    # The graph itself holds its input to the shape that it declares: TensorFlow compares neither.
    return {"serving_default": ({"x": x}, {"y": tf.nn.relu(tf.ensure_shape(x, [None, 2]))})}, {}


def types():
    """One signature per element type: what goes in comes out."""
    signatures = {}
    for dtype in [
        tf.float32, tf.float64, tf.float16, tf.bfloat16, tf.complex64, tf.complex128, tf.bool, tf.string, tf.int8,
        tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.qint8, tf.quint8, tf.qint16,
        tf.quint16, tf.qint32,
    ]:  # fmt: skip
        x = v1.placeholder(dtype, None, f"x_{dtype.name}")
        signatures[dtype.name] = ({"x": x}, {"y": tf.identity(x)})
    return signatures, {}


def strings():
    a = v1.placeholder(tf.string, [None], "a")
    joined = tf.strings.reduce_join(a, separator="-", name="joined")
    return {"serving_default": ({"a": a}, {"joined": joined, "upper": tf.strings.upper(a)})}, {}


def counter():
    count = v1.get_variable("count", [], tf.float32, v1.zeros_initializer())
    by = v1.placeholder(tf.float32, [], "by")
    with tf.control_dependencies([v1.assign_add(count, by)]):
        added = tf.identity(count)
    return {"get": ({}, {"count": tf.identity(count)}), "add": ({"by": by}, {"count": added})}, {}


def vocabulary(folder):
    path = os.path.join(folder, "words.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write("zero\none\ntwo\n")
    return path


def table():
    """Words to numbers, by a table that a file of the model fills when it is loaded (TensorFlow 1)."""
    path = tf.constant(vocabulary(ROOT), name="asset")
    words = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            path, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        ),
        -1,
    )
    word = v1.placeholder(tf.string, [None], "word")
    return {"serving_default": ({"word": word}, {"number": words.lookup(word)})}, {
        "main_op": v1.tables_initializer(),
        "assets_collection": v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
    }


def slow():
    """Counts to n, one step at a time."""
    n = v1.placeholder(tf.int64, [], "n")
    (steps,) = tf.while_loop(lambda i: i < n, lambda i: i + 1, [tf.constant(0, tf.int64)])
    return {"serving_default": ({"n": n}, {"steps": steps})}, {}


def writes():
    """A signature that writes a file."""
    path = v1.placeholder(tf.string, [], "path")
    with tf.control_dependencies([tf.io.write_file(path, "written")]):
        return {"serving_default": ({"path": path}, {"path": tf.identity(path)})}, {}


class Functions(tf.Module):
    """TensorFlow 2: functions, a variable, a table from a file, and a default value."""

    def __init__(self):
        super().__init__()
        self.weight = tf.Variable(3.0)
        self.words = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                tf.saved_model.Asset(vocabulary(ROOT)),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            -1,
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def scale(self, x):
        return {"y": x * self.weight}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "word")])
    def number(self, word):
        return {"number": self.words.lookup(word)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "by")])
    def grow(self, by):
        return {"weight": self.weight.assign_add(by)}


for build in [relu, types, strings, counter, table, slow, writes]:
    write(build.__name__, build)
write("tags", relu, ("serve", "tpu"))
module = Functions()
tf.saved_model.save(
    module,
    os.path.join(ROOT, "functions"),
    {"serving_default": module.scale, "number": module.number, "grow": module.grow},
)
