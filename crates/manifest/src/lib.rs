//! The policy language: parse, check, digest; appraise and authorize; secret templates. No I/O.
