//! Where credentials come from. Decided from settings and files alone: nothing is asked for yet.

use std::path::PathBuf;
use std::sync::Arc;

use secretref_protocol::net::Address;
use secretref_protocol::{Failure, Secret};

use crate::keys::Keys;
use crate::region::Arn;

/// A source of credentials.
pub(crate) enum Source {
    /// An access key that settings or a profile give.
    Keys {
        keys: Keys,
        /// Its place, for a message.
        origin: String,
        /// The place of its secret part, for a message.
        secret_place: String,
    },
    WebIdentity(WebIdentity),
    Sso(Sso),
    Container(Container),
    Instance(Instance),
    Process(Process),
    Role(AssumedRole),
}

/// A role that a token of another identity provider may use, such as that of a Kubernetes service account.
pub(crate) struct WebIdentity {
    pub(crate) role: String,
    pub(crate) session_name: Option<String>,
    pub(crate) token: Secret,
    pub(crate) origin: String,
}

/// A role of an account that a person has signed in to with `aws sso login`.
pub(crate) struct Sso {
    pub(crate) profile: String,
    pub(crate) account: String,
    pub(crate) role: String,
    pub(crate) region: String,
    pub(crate) start_url: String,
    /// The login, or why there is none.
    pub(crate) login: Result<SsoLogin, Failure>,
}

/// What `aws sso login` has left in its cache.
pub(crate) struct SsoLogin {
    pub(crate) token: Secret,
    /// When it expires, in AWS's format.
    pub(crate) expires: String,
}

/// The service that gives a container its credentials: the agent of ECS, or that of EKS Pod Identity.
pub(crate) struct Container {
    pub(crate) address: Address,
    pub(crate) path: String,
    pub(crate) authorization: Option<Secret>,
}

/// The metadata service of an EC2 instance.
pub(crate) struct Instance {
    pub(crate) address: Address,
    /// What was looked for before, and why each did not serve.
    pub(crate) tried: Vec<String>,
}

/// A program that prints credentials.
pub(crate) struct Process {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// The whole command, to tell programs apart.
    pub(crate) command: String,
    pub(crate) origin: String,
}

/// A role that is assumed with the credentials of another source.
pub(crate) struct AssumedRole {
    pub(crate) role: String,
    pub(crate) external_id: Option<String>,
    pub(crate) session_name: Option<String>,
    /// In seconds.
    pub(crate) duration: Option<i32>,
    pub(crate) base: Arc<Source>,
}

impl Source {
    /// Returns where the credentials are from, for a person.
    pub(crate) fn origin(&self) -> String {
        match self {
            Self::Keys { origin, .. } => origin.clone(),
            Self::WebIdentity(source) => {
                format!("the role {} by web identity, {}", source.role, source.origin)
            }
            Self::Sso(source) => format!("SSO of the AWS profile {}", source.profile),
            Self::Container(source) => format!("the container's credentials at {}", source.address),
            Self::Instance(_) => "this instance".to_owned(),
            Self::Process(source) => format!("the program {}", source.program.display()),
            Self::Role(source) => format!("the role {}, assumed with {}", source.role, source.base.origin()),
        }
    }

    /// Returns where to correct the secret access key, if it is written somewhere.
    pub(crate) fn secret_place(&self) -> Option<&str> {
        match self {
            Self::Keys { secret_place, .. } => Some(secret_place),
            _ => None,
        }
    }

    /// Returns the names in it that are private, each with what it is.
    pub(crate) fn names(&self) -> Vec<(&'static str, String)> {
        let of_role = |role: &str| {
            let account = Arn::parse(role).map_or("", |arn| arn.account).to_owned();
            vec![("role", role.to_owned()), ("account", account)]
        };
        let mut names = match self {
            Self::WebIdentity(source) => of_role(&source.role),
            Self::Sso(source) => vec![("account", source.account.clone()), ("role", source.role.clone())],
            Self::Process(source) => vec![("path", source.program.display().to_string())],
            Self::Keys { .. } | Self::Container(_) | Self::Instance(_) => Vec::new(),
            Self::Role(source) => {
                let mut names = of_role(&source.role);
                names.extend(source.base.names());
                names
            }
        };
        names.retain(|(_, name)| !name.is_empty());
        names
    }

    /// Whether its credentials are kept between starts. Those of an instance are always at hand, and static keys are not
    /// stored a second time.
    pub(crate) fn is_kept(&self) -> bool {
        !matches!(self, Self::Keys { .. } | Self::Instance(_) | Self::Process(_))
    }

    /// Returns the parts of a cache key. None is a secret.
    pub(crate) fn place(&self) -> String {
        let of = |text: &Option<String>| text.clone().unwrap_or_default();
        match self {
            Self::Keys { keys, .. } => format!("keys\n{}", keys.id),
            Self::WebIdentity(source) => {
                format!("web_identity\n{}\n{}", source.role, of(&source.session_name))
            }
            Self::Sso(source) => {
                format!("sso\n{}\n{}\n{}\n{}", source.start_url, source.region, source.account, source.role)
            }
            Self::Container(source) => format!("container\n{}{}", source.address, source.path),
            Self::Instance(source) => format!("instance\n{}", source.address),
            Self::Process(source) => format!("process\n{}", source.command),
            Self::Role(source) => format!(
                "role\n{}\n{}\n{}\n{:?}\n{}",
                source.role,
                of(&source.external_id),
                of(&source.session_name),
                source.duration,
                source.base.place()
            ),
        }
    }

    /// Returns the credential that is known before anything is asked for. Sessions of another credential are not used.
    pub(crate) fn mark(&self) -> Secret {
        let copy = |secret: &Secret| Secret::new(secret.expose().to_owned());
        match self {
            Self::Keys { keys, .. } => keys.mark(),
            Self::WebIdentity(source) => copy(&source.token),
            Self::Sso(source) => {
                source.login.as_ref().map_or_else(|_| Secret::new(String::new()), |login| copy(&login.token))
            }
            Self::Container(source) => {
                source.authorization.as_ref().map_or_else(|| Secret::new(String::new()), copy)
            }
            Self::Instance(_) | Self::Process(_) => Secret::new(String::new()),
            Self::Role(source) => source.base.mark(),
        }
    }
}
