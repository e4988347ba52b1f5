//! The description itself. A value of this type is checked: parsing is the only way to one.

use strongroom_crypto::digest::Digest32;

use crate::error::{DescriptionError, Problem};
use crate::json::Json;
use crate::{digest, reader};

/// The format's name and version, the value of the field `format`.
pub const FORMAT: &str = "strongroom.workload.v1";

/// Where provisioned files lie unless the description says otherwise.
pub const PROVISION_DIR_DEFAULT: &str = "/run/strongroom";

/// Largest description in bytes.
pub const SIZE_MAX: usize = 1 << 20;

/// A checked workload description (`strongroom.workload.v1`, schema in `docs/schema/workload.v1.json`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    pub(crate) program: Measured,
    pub(crate) files: Vec<Measured>,
    pub(crate) argv: Argv,
    pub(crate) environment: Vec<String>,
    pub(crate) coordinator_may_set: MaySet,
    pub(crate) coordinator: CoordinatorRule,
    pub(crate) provision_dir: String,
    pub(crate) report_data: ReportData,
}

impl Description {
    /// Reads and checks a description.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place in the document.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptionError> {
        let at_root = |problem| DescriptionError {
            path: "$".to_owned(),
            problem,
        };
        if bytes.len() > SIZE_MAX {
            return Err(at_root(Problem::TooLarge {
                what: "bytes",
                max: SIZE_MAX,
            }));
        }
        let json: Json =
            serde_json::from_slice(bytes).map_err(|error| at_root(Problem::Syntax(error.to_string())))?;
        reader::read(&json)
    }

    /// The measurement of the workload: SHA-256 over a canonical, length-prefixed encoding of every field under the
    /// label `strongroom/v1/workload`. Formatting, order of JSON fields and order within sets do not enter it.
    #[must_use]
    pub fn digest(&self) -> Digest32 {
        digest::digest(self)
    }

    /// The program that runs.
    #[must_use]
    pub fn program(&self) -> &Measured {
        &self.program
    }

    /// Further measured files, sorted by path.
    #[must_use]
    pub fn files(&self) -> &[Measured] {
        &self.files
    }

    /// The program's arguments.
    #[must_use]
    pub fn argv(&self) -> &Argv {
        &self.argv
    }

    /// Names of variables that the host may set for the program, sorted.
    #[must_use]
    pub fn environment(&self) -> &[String] {
        &self.environment
    }

    /// What the coordinator may add beyond files in the provision directory.
    #[must_use]
    pub fn coordinator_may_set(&self) -> &MaySet {
        &self.coordinator_may_set
    }

    /// Which coordinator the workload talks to.
    #[must_use]
    pub fn coordinator(&self) -> &CoordinatorRule {
        &self.coordinator
    }

    /// Directory of provisioned files; absolute.
    #[must_use]
    pub fn provision_dir(&self) -> &str {
        &self.provision_dir
    }

    /// Which report data the program may ask evidence for.
    #[must_use]
    pub fn report_data(&self) -> ReportData {
        self.report_data
    }
}

/// A file and the SHA-256 of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Measured {
    path: String,
    digest: Digest32,
}

impl Measured {
    /// A file that has to have this digest. The path is checked when the description is.
    #[must_use]
    pub fn new(path: impl Into<String>, digest: Digest32) -> Self {
        Self {
            path: path.into(),
            digest,
        }
    }

    /// Absolute path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// SHA-256 of the file's bytes.
    #[must_use]
    pub fn digest(&self) -> Digest32 {
        self.digest
    }
}

/// Where the program's arguments come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argv {
    /// Exactly these, `argv[0]` first (as in a MarbleRun manifest).
    Fixed(Vec<String>),
    /// The coordinator's `Parameters.Argv`.
    Coordinator,
}

/// What the coordinator may add. It may always write files below the provision directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaySet {
    pub(crate) environment: Vec<String>,
    pub(crate) files: Vec<String>,
}

impl MaySet {
    /// Names of variables, sorted.
    #[must_use]
    pub fn environment(&self) -> &[String] {
        &self.environment
    }

    /// Paths of files, sorted; one that ends in `/` stands for everything below it.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Whether the file at `path` may be written (exactly named, or below a named directory).
    #[must_use]
    pub fn allows_file(&self, path: &str) -> bool {
        self.files.iter().any(|allowed| match allowed.strip_suffix('/') {
            Some(_) => path.len() > allowed.len() && path.starts_with(allowed),
            None => path == allowed,
        })
    }

    /// Whether the variable `name` may be set.
    #[must_use]
    pub fn allows_variable(&self, name: &str) -> bool {
        self.environment.iter().any(|allowed| allowed == name)
    }
}

/// Which coordinator may provision the workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoordinatorRule {
    /// One that meets these reference values: the JSON list that `attest` reads.
    Expect(Json),
    /// Any. Visible in the measurement, for MarbleRun's coordinator, which gives no evidence that we can check.
    Unverified,
}

impl CoordinatorRule {
    /// The reference values as JSON text; `None` where the coordinator is not verified.
    #[must_use]
    pub fn expectation(&self) -> Option<String> {
        match self {
            Self::Expect(values) => Some(serde_json::to_string(values).expect("checked JSON can be written")),
            Self::Unverified => None,
        }
    }
}

/// The shape of report data that the program may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportData {
    /// Bytes that our own label separates from everything that activates.
    #[default]
    Bound,
    /// All 64 bytes, as the program gives them.
    Raw,
}
