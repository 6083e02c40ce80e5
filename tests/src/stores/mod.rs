//! The stores, a folder each. `build.rs` finds them, so a new one is not listed anywhere.

use crate::store::Store;

include!(concat!(env!("OUT_DIR"), "/stores.rs"));
