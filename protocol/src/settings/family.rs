//! The settings that every resolver has.

use std::path::Path;
use std::time::Duration;

use crate::store::Setting;

/// The settings that every resolver has.
pub const FAMILY: &[Setting] =
    &[ALLOW.row(), JSON_FIELDS.row(), LOG.row(), LOG_FILE.row(), MAX_OUTPUT.row(), TIMEOUT.row()];

pub(crate) const ALLOW: Setting<[String]> =
    Setting::list("allow", "the ids that may be resolved, as patterns: * stops at / and :, ** only at :");

pub(crate) const JSON_FIELDS: Setting<bool> =
    Setting::switch("json_fields", "return objects, arrays and whole secrets as JSON text").default("false");

/// Security sensitive, so that a gateway's `args` cannot silence the log of a profile.
pub(crate) const LOG: Setting<str> = Setting::choice(
    "log",
    &["failures", "all", "off"],
    "which runs of a gateway write a line to the system's log",
)
.default("failures");

pub(crate) const LOG_FILE: Setting<Path> =
    Setting::path("log_file", "a file for these lines, where there is no system log; only in a profile");

pub(crate) const MAX_OUTPUT: Setting<usize> =
    Setting::size("max_output", "the maximum size of a response; keep it below the gateway's maxOutputBytes")
        .default("1MiB")
        .not_sensitive();

pub(crate) const TIMEOUT: Setting<Duration> = Setting::duration(
    "timeout",
    "when to answer with the values that have arrived; keep it below the gateway's timeoutMs, 5000 by default",
)
.default("4s")
.not_sensitive();
