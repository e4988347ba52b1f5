//! What the benchmarks of running programs share.

pub mod arguments;
pub mod bare;
pub mod deployment;
pub mod load;
pub mod programs;
pub mod samples;
pub mod wire;

/// What went wrong, for a person.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The end of a program: a failure in words, on standard error.
#[must_use]
pub fn end(name: &str, result: Result<(), Failure>) -> std::process::ExitCode {
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
