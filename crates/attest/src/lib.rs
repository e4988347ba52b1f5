//! Verifier role of RFC 9334: evidence in, claims out, with a report of every check. Pure.
