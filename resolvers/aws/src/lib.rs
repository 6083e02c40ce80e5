//! The resolver for AWS Secrets Manager. `main.rs` is the command.

mod answer;
mod arn;
mod aws;
mod batch;
mod batch_right;
mod change;
mod endpoint;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod inspect;
mod list;
mod locator;
mod read;
mod refusal;
mod session;
mod settings;

secretref_protocol::main!(aws::SecretsManager);
