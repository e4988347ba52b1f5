//! The coordinator in one process: real ports, real TLS, a real state folder; the platform is a test's own.

mod activation;
mod endorsements;
mod evidence;
mod fixture;
mod log;
mod marblerun;
mod platform;
mod recovery;
mod rollback;
mod secrets;
mod workload;
