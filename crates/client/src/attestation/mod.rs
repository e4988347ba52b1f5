//! Evidence in files: examined against endorsements and a policy, and explained. And what this machine could attest with.
//!
//! Nothing here opens anything: evidence from a file was made for nobody's session, so what comes out is a report, never
//! claims. Whatever a report says, a deployment is verified on the connection that is then used.

mod doctor;
mod examination;
mod explanation;

pub use doctor::{Doctor, Finding, doctor};
pub use examination::{Examination, Examined};
pub use explanation::{Advised, Explanation};
