//! Many trainings of one plan: what is tried, in which order, where each lies, and how they compare.
//!
//! A *plan* ([`Plan`]) says what all trainings have in common and what varies. It becomes a *folder* ([`Folder`]) of numbered
//! trainings ([`Training`]), each with its own configuration, model, checkpoint and log. Whoever makes one of them, a process on this
//! machine or a task of a cluster, claims it by a lock in its folder and leaves a result there ([`Claim`]); whoever wants to know how
//! far all are reads nothing but these files. Nothing here trains: that is `sympathy train`, one process a training.

mod folder;
mod halving;
mod page;
mod plan;
mod plans;
mod space;
mod table;

pub use folder::{Claim, Done, Folder, FolderError, Outcome, State, Stop};
pub use halving::Halving;
pub use page::{Player, page};
pub use plan::{Budget, Case, EvaluatePlan, Plan, Search, SlurmPlan, settled};
pub use plans::{BuiltIn, PLANS};
pub use space::{Training, Values};
pub use table::{Row, Table, column_problem};
