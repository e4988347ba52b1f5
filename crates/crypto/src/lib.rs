//! Keys as types and the few things done with them: no I/O, no clock, no async.
