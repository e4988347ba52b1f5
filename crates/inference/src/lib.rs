//! Model server: opens encrypted models inside the trusted environment and speaks TensorFlow Serving.
