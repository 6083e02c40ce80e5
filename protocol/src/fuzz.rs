//! Access for the fuzz targets to items that nothing else outside the crate needs.

pub use crate::allow::Allow;
pub use crate::environment::Environment;
pub use crate::id::Id;
pub use crate::profile::Profile;
