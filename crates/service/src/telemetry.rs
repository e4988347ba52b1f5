//! Structured logs on standard error, and a panic hook that prints no values.

use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// Environment variable that holds the filter, in `tracing`'s syntax (`info,strongroom_launcher=debug`).
pub const FILTER_VARIABLE: &str = "STRONGROOM_LOG";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The format is neither `text` nor `json`.
#[derive(Debug, thiserror::Error)]
#[error("log format must be `text` or `json`, not `{0}`")]
pub struct UnknownFormat(String);

impl FromStr for LogFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(UnknownFormat(other.to_owned())),
        }
    }
}

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter in [`FILTER_VARIABLE`] does not parse.
    #[error("{FILTER_VARIABLE} is no log filter")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// A subscriber is installed already.
    #[error("telemetry is initialised already")]
    Twice,
}

/// Installs the subscriber and the panic hook. The filter comes from [`FILTER_VARIABLE`], else `info`.
///
/// # Errors
/// On a filter that does not parse, or a second call.
pub fn init(format: LogFormat) -> Result<(), TelemetryError> {
    init_at(format, "info")
}

/// As [`init`], with another filter where [`FILTER_VARIABLE`] holds none.
///
/// # Errors
/// As [`init`].
pub fn init_at(format: LogFormat, default: &'static str) -> Result<(), TelemetryError> {
    let filter = match std::env::var(FILTER_VARIABLE) {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(text).map_err(TelemetryError::Filter)?,
        _ => EnvFilter::new(default),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_timer(SystemTime);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|_| TelemetryError::Twice)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

// A formatted panic message may carry a value; a literal cannot, and is what one needs to find the place.
fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info
        .payload()
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("(message withheld)");
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, message, "panic");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_parse() {
        assert_eq!("json".parse::<LogFormat>().ok(), Some(LogFormat::Json));
        assert_eq!("text".parse::<LogFormat>().ok(), Some(LogFormat::Text));
        assert!("JSON".parse::<LogFormat>().is_err());
    }
}
