//! Encrypted models: writer, verifying random-access reader, object stores.
