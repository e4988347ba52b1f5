//! SDK: verify a coordinator, then manage it or talk to inference over a verified channel.
