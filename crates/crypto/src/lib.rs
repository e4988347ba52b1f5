//! Keys as types and the few things done with them: no I/O, no clock, no async.
//!
//! Two back ends stand behind one face. `fast` (aws-lc-rs) is what the programs use; `portable` (RustCrypto) is for
//! targets that no C compiler reaches. Where both are built, `fast` is taken, and a test holds them against each other.
//! Making certificates, recovery by RSA, TPM credentials and key generation need `fast`: who verifies never needs them.

#[cfg(not(any(feature = "fast", feature = "portable")))]
compile_error!("strongroom-crypto needs one of the features `fast` and `portable`");

pub mod aead;
mod backend;
pub mod chain;
mod der;
pub mod digest;
pub mod encode;
pub mod hmac;
#[cfg(feature = "fast")]
pub mod issue;
pub mod kdf;
pub mod label;
pub mod random;
#[cfg(feature = "fast")]
pub mod rsa;
#[cfg(feature = "fast")]
pub mod rsa_sign;
pub mod rsa_verify;
pub mod secret;
pub mod sign;
pub mod time;
#[cfg(feature = "fast")]
pub mod tpm_credential;
pub mod x509;

pub use digest::Digest32;
pub use label::Label;
pub use time::UnixTime;
