//! Logs of what was measured, replayed to the registers that a quote vouches for: firmware logs of TPMs and of TDX
//! ([`tcg`]), the files that Linux IMA measured ([`ima`]), and our own events behind them ([`runtime`]).
//!
//! A log comes from whoever sends the evidence, and only its *digests*, in their order within one register, are proven
//! by a replay that ends at the quoted value. Of everything else:
//!
//! - **Event data** is proven where hashing it gives the event's digest. [`content`] recomputes that where the event's
//!   type defines how, and calls everything else opaque.
//! - **The event's type, and any label before its text** (`kernel_cmdline`, the name of a `Boot####` variable) enter no
//!   digest. They say how the sender wants the measured bytes to be read.
//! - **The moment** of an event is not proven. What runs later, with the right to extend a register, can append the
//!   digest of whatever it likes. It cannot take back what was extended before, nor hide it: so only a policy that
//!   accounts for *every* event of a register ([`policy`]) says anything about the machine.
//!
//! The way of a log:
//!
//! ```text
//! bytes ─► EventLog ─ Replay::of(bank) ─► Replay ─ confirm(quoted values) ─► Confirmed ─► policy, runtime events
//! ```

mod algorithm;
pub mod content;
mod event_type;
pub mod ima;
pub mod policy;
pub mod replay;
pub mod runtime;
pub mod separators;
pub mod tcg;
pub mod writer;

pub use algorithm::{Algorithm, RegisterValue};
pub use content::Content;
pub use event_type::EventType;
pub use replay::{Bank, Confirmed, Divergence, Layout, Replay, ReplayError};
pub use tcg::{Event, EventLog, LogError};
pub use writer::LogWriter;
