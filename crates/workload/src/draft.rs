//! Writing a description: fields as one fills them in, then the same check as for a file.

use serde::Serialize;

use crate::description::{Argv, Description, FORMAT, Measured, PROVISION_DIR_DEFAULT, ReportData};
use crate::error::DescriptionError;

/// A description that is not checked yet. Every field may be changed; [`Draft::check`] makes a [`Description`] of it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The program.
    pub program: Measured,
    /// Further measured files.
    pub files: Vec<Measured>,
    /// Arguments, `argv[0]` first.
    pub argv: Argv,
    /// Variables that the host may set.
    pub environment: Vec<String>,
    /// Variables that the coordinator may set.
    pub coordinator_may_set_environment: Vec<String>,
    /// Files outside the provision directory that the coordinator may write.
    pub coordinator_may_set_files: Vec<String>,
    /// The coordinator rule.
    pub coordinator: DraftCoordinator,
    /// Directory of provisioned files.
    pub provision_dir: String,
    /// Report data the program may choose.
    pub report_data: ReportData,
}

/// The coordinator rule of a draft.
#[derive(Debug, Clone)]
pub enum DraftCoordinator {
    /// A JSON list of reference values, as a policy's `coordinator` field.
    Expect(serde_json::Value),
    /// `"unverified"`.
    Unverified,
}

impl Draft {
    /// A description of `program` alone, run without arguments beyond its own path.
    #[must_use]
    pub fn new(program: Measured, coordinator: DraftCoordinator) -> Self {
        Self {
            argv: Argv::Fixed(vec![program.path().to_owned()]),
            program,
            files: Vec::new(),
            environment: Vec::new(),
            coordinator_may_set_environment: Vec::new(),
            coordinator_may_set_files: Vec::new(),
            coordinator,
            provision_dir: PROVISION_DIR_DEFAULT.to_owned(),
            report_data: ReportData::Bound,
        }
    }

    /// The draft as a file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            format: FORMAT,
            program: &self.program,
            files: &self.files,
            argv: match &self.argv {
                Argv::Fixed(arguments) => arguments.as_slice().into(),
                Argv::Coordinator => "coordinator".into(),
            },
            environment: &self.environment,
            coordinator_may_set: MaySet {
                environment: &self.coordinator_may_set_environment,
                files: &self.coordinator_may_set_files,
            },
            coordinator: match &self.coordinator {
                DraftCoordinator::Expect(values) => serde_json::json!({ "expect": values }),
                DraftCoordinator::Unverified => "unverified".into(),
            },
            provision_dir: &self.provision_dir,
            report_data: match self.report_data {
                ReportData::Bound => "bound",
                ReportData::Raw => "raw",
            },
        };
        let mut text = serde_json::to_string_pretty(&document).expect("strings and lists can be written");
        text.push('\n');
        text
    }

    /// The checked description that [`Draft::to_json`] is read as.
    ///
    /// # Errors
    /// As [`Description::parse`].
    pub fn check(&self) -> Result<Description, DescriptionError> {
        Description::parse(self.to_json().as_bytes())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    program: &'a Measured,
    files: &'a [Measured],
    argv: serde_json::Value,
    environment: &'a [String],
    coordinator_may_set: MaySet<'a>,
    coordinator: serde_json::Value,
    provision_dir: &'a str,
    report_data: &'static str,
}

#[derive(Serialize)]
struct MaySet<'a> {
    environment: &'a [String],
    files: &'a [String],
}
