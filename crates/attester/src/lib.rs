//! Collects evidence and seals keys: the only crate that touches attestation devices, sockets and counters.
