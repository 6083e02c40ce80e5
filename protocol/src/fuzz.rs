//! Doors for the targets of `tests/fuzz`, to what nothing else outside needs.

pub use crate::allow::Allow;
pub use crate::environment::Environment;
pub use crate::id::Id;
pub use crate::profile::Profile;
