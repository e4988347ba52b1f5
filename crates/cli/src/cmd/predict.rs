//! `strongroom predict`

use std::path::PathBuf;

use serde_json::Value;
use strongroom_client::predict::{Image, Input, Prediction, Protocol, Server, VerifiedChannel};
use strongroom_client::{Error, Trust, files};

use crate::context::{Context, User};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address of the model server: HOST or HOST:PORT (by default 8501, with --grpc 8500).
    host: String,

    /// Trust file of the deployment, as `deployment verify` wrote it.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,

    /// The model.
    #[arg(long, value_name = "NAME")]
    model: String,

    #[command(flatten)]
    input: InputArgs,

    /// Type of the marble that has to answer; needed only where several serve the model.
    #[arg(long, value_name = "TYPE")]
    marble: Option<String>,

    /// Name in the marble's certificate; by default the host, or the name that the manifest gives the marble.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,

    /// Ask by gRPC instead of REST.
    #[arg(long)]
    grpc: bool,

    #[command(flatten)]
    user: User,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct InputArgs {
    /// Pictures (PNG, 8 bit), scaled to 0..1; each is one row.
    #[arg(long = "image", value_name = "PNG", num_args = 1..)]
    images: Vec<PathBuf>,

    /// A predict body, {"instances": …} or {"inputs": …}, or a list of instances (JSON; `-` is standard input).
    #[arg(long, value_name = "FILE")]
    instances: Option<PathBuf>,

    /// Tensors: NumPy's .npy, or JSON {"inputs": {NAME: {"shape", "values"}}}.
    #[arg(long, value_name = "FILE")]
    tensors: Option<PathBuf>,
}

pub(crate) async fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let trust = Trust::load(&args.trust)?;
    let identity = args.user.load(context)?;
    let (input, labels) = args.input.load()?;
    let server = Server {
        address: &args.host,
        model: &args.model,
        marble: args.marble.as_deref(),
        name: args.server_name.as_deref(),
    };
    let protocol = if args.grpc { Protocol::Grpc } else { Protocol::Rest };
    let channel = VerifiedChannel::connect(&trust, &server, protocol, identity.as_ref()).await?;
    let prediction = channel.predict(&input).await?;
    if trust.simulated() {
        context
            .output
            .note("SIMULATED: the deployment's platform protects nothing");
    }
    context.output.result(&prediction, || table(&prediction, &labels))
}

impl InputArgs {
    /// The input, and names of its rows where they have some.
    fn load(&self) -> Result<(Input, Vec<String>), Error> {
        if let Some(file) = &self.instances {
            return Ok((Input::instances(&files::read(file)?)?, Vec::new()));
        }
        if let Some(file) = &self.tensors {
            return Ok((Input::tensors(&files::read(file)?)?, Vec::new()));
        }
        let read = |file: &PathBuf| files::read(file).and_then(|bytes| Image::from_png(&bytes));
        let images = self.images.iter().map(read).collect::<Result<_, _>>()?;
        let name = |file: &PathBuf| {
            file.file_name()
                .unwrap_or(file.as_os_str())
                .to_string_lossy()
                .into_owned()
        };
        Ok((Input::Images(images), self.images.iter().map(name).collect()))
    }
}

/// Rows below one another, an output in each column.
fn table(prediction: &Prediction, labels: &[String]) -> String {
    let Some(rows) = prediction.rows() else {
        let line = |(name, value): (&String, &Value)| format!("{name}: {}", cell(value));
        return prediction.outputs.iter().map(line).collect::<Vec<_>>().join("\n");
    };
    let mut lines = vec![Vec::from([String::from("row")])];
    lines[0].extend(prediction.outputs.keys().cloned());
    for row in 0..rows {
        let mut line = vec![labels.get(row).cloned().unwrap_or_else(|| row.to_string())];
        line.extend(prediction.outputs.values().map(|output| cell(&output[row])));
        lines.push(line);
    }
    let columns = prediction.outputs.len() + 1;
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let padded = |line: &Vec<String>| {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(padded).collect::<Vec<_>>().join("\n")
}

/// Most values of a list that a table shows.
const SHOWN_MAX: usize = 10;

fn cell(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let mut shown: Vec<String> = items.iter().take(SHOWN_MAX).map(cell).collect();
            if items.len() > SHOWN_MAX {
                shown.push(format!("… {} more", items.len() - SHOWN_MAX));
            }
            format!("[{}]", shown.join(" "))
        }
        Value::Number(number) if number.is_f64() => format!("{:.4}", number.as_f64().unwrap_or_default()),
        // A text comes from the model: it gets no hold of the terminal.
        Value::String(text) => text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_picture() {
        let prediction = Prediction {
            model: "digits".to_owned(),
            version: None,
            outputs: BTreeMap::from([
                ("digit".to_owned(), json!([3, 7])),
                ("probabilities".to_owned(), json!([[0.125, 0.875], [1.0, 0.0]])),
            ]),
        };
        let labels = ["3-0008.png".to_owned(), "7.png".to_owned()];
        assert_eq!(
            table(&prediction, &labels),
            "row         digit  probabilities\n\
             3-0008.png  3      [0.1250 0.8750]\n\
             7.png       7      [1.0000 0.0000]"
        );
    }

    #[test]
    fn outputs_without_rows_stand_below_one_another() {
        let prediction = Prediction {
            model: "m".to_owned(),
            version: None,
            outputs: BTreeMap::from([("a".to_owned(), json!(1)), ("b".to_owned(), json!("x\u{1b}[2J"))]),
        };
        assert_eq!(table(&prediction, &[]), "a: 1\nb: x [2J");
    }
}
