//! `wrk` and `h2load`: started with a written request, their reports read.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use strongroom_benches::Failure;

/// What a generator says.
pub struct Report {
    /// Answers each second.
    pub per_second: f64,
    /// Half of them came within this time, where the tool says so.
    pub p50: Option<Duration>,
    /// All but one in a hundred.
    pub p99: Option<Duration>,
}

/// # Errors
/// Says which tool is missing, and which package brings it.
pub fn check_installed() -> Result<(), Failure> {
    for (tool, package) in [("wrk", "wrk"), ("h2load", "nghttp2-client")] {
        let there = Command::new(tool)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if there.is_err() {
            return Err(format!("{tool} is not installed; Debian's package {package} brings it").into());
        }
    }
    Ok(())
}

/// Posts `body` to `url` on so many connections for so long.
///
/// # Errors
/// When the tool fails, or an answer was no success.
pub fn wrk(
    url: &str,
    body: &str,
    connections: usize,
    time: Duration,
    folder: &Path,
) -> Result<Report, Failure> {
    let script = folder.join("post.lua");
    std::fs::write(
        &script,
        format!(
            "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.body = [==[{body}]==]\n"
        ),
    )?;
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--latency", "--connections"]);
    command.arg(connections.to_string());
    command.arg("--duration").arg(format!("{}s", whole_seconds(time)));
    command.arg("--script").arg(&script).arg(url);
    let text = output("wrk", command)?;
    for bad in ["Non-2xx or 3xx responses", "Socket errors"] {
        if let Some(line) = text.lines().find(|line| line.contains(bad)) {
            return Err(format!("wrk says: {}", line.trim()).into());
        }
    }
    let after = |word: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(word))
            .map(str::trim)
    };
    Ok(Report {
        per_second: after("Requests/sec:")
            .and_then(|number| number.parse().ok())
            .ok_or("wrk reports no rate")?,
        p50: after("50%").and_then(duration),
        p99: after("99%").and_then(duration),
    })
}

/// Sends the gRPC frame in `frame` to `url` on so many connections, one request at a time on each, for so long.
///
/// # Errors
/// When the tool fails, or a request did.
pub fn h2load(url: &str, frame: &Path, connections: usize, time: Duration) -> Result<Report, Failure> {
    let mut command = Command::new("h2load");
    command
        .args(["-t", "1", "-m", "1", "-c"])
        .arg(connections.to_string());
    command.arg("-D").arg(whole_seconds(time).to_string());
    command.arg("-d").arg(frame);
    command.args(["-H", "content-type: application/grpc", "-H", "te: trailers"]);
    command.arg(url);
    let text = output("h2load", command)?;
    let requests = text
        .lines()
        .find(|line| line.starts_with("requests:"))
        .ok_or("h2load reports no requests")?;
    if !requests.contains(" 0 failed") || !requests.contains(" 0 errored") {
        return Err(format!("h2load says: {requests}").into());
    }
    let rate = text
        .lines()
        .find(|line| line.starts_with("finished in"))
        .and_then(|line| line.split(", ").nth(1))
        .and_then(|part| part.split_whitespace().next())
        .and_then(|number| number.parse().ok());
    Ok(Report {
        per_second: rate.ok_or("h2load reports no rate")?,
        p50: None,
        p99: None,
    })
}

fn output(tool: &str, mut command: Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(format!("{tool} failed ({}): {text}{errors}", output.status).into())
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().max(1)
}

/// `1.23ms` and its like.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Duration::try_from_secs_f64(number * seconds).ok()
}
