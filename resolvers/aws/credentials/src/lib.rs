//! Signs in to AWS, for every resolver that needs it: `secretref-aws`, and Vault's sign-in by AWS.
//!
//! The SDK does what it is good at: it parses `~/.aws`, signs, builds requests and reads answers, and knows AWS's endpoints.
//! Its credential chain is not used, because that reads the environment, files and programs of the process by itself. So
//! credentials are chosen here, from [`Settings`](secretref_protocol::Settings) alone, in AWS's order, and all requests go
//! through the transport of the family:
//!
//! ```text
//! settings, ~/.aws → Source (pure) → session cache → STS, SSO, container, instance, program → Session
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `settings` | the settings, as typed constants |
//! | `profile_files`, `profile` | `~/.aws/config` and `~/.aws/credentials`, and what a profile says |
//! | `machine` | what the machine has by itself: environment, container, instance |
//! | `choose`, `source` | where the credentials come from |
//! | `sign_in`, `session` | the credentials themselves, kept between starts |
//! | `sts`, `sso`, `metadata`, `process` | one for each service that issues credentials |
//! | `endpoints`, `region` | where a service is |
//! | `signed` | a signed request for another party to send, as Vault wants it |
//! | `http`, `refusal` | the SDK over our transport, and its errors |
//!
//! Without the feature `roles` there are only the credentials that need no service of AWS: keys, and those that a machine has
//! by itself.
#![cfg_attr(not(feature = "roles"), allow(dead_code))]

mod choose;
mod endpoints;
#[cfg(feature = "roles")]
mod http;
mod keys;
mod machine;
mod metadata;
#[cfg(feature = "roles")]
mod process;
mod profile;
mod profile_files;
#[cfg(feature = "roles")]
mod refusal;
mod region;
#[cfg(feature = "roles")]
mod sdk;
mod session;
pub mod settings;
mod sign_in;
mod signed;
mod source;
#[cfg(feature = "roles")]
mod sso;
#[cfg(feature = "roles")]
mod sts;

pub use endpoints::Endpoint;
#[cfg(feature = "roles")]
pub use http::Http;
#[cfg(feature = "roles")]
pub use refusal::Refusal;
pub use region::{Arn, Region, role};
#[cfg(feature = "roles")]
pub use sdk::{PlainUserAgent, sdk_config};
pub use session::Session;
pub use sign_in::SignIn;
pub use signed::SignedRequest;
#[cfg(feature = "roles")]
pub use sts::Identity;

/// The variables that the SDK reads from the environment by itself and that could change where requests go; for
/// [`Backend::LIBRARY_VARIABLES`](secretref_protocol::Backend::LIBRARY_VARIABLES).
///
/// It also reads `AWS_LAMBDA_FUNCTION_NAME` and `_X_AMZN_TRACE_ID`, for a header that names its caller.
pub const LIBRARY_VARIABLES: &[&str] = &["SMITHY_CLIENT_SDK_CUSTOM_PARTITION"];
