//! Each way to sign in to AWS, from a profile alone in an empty environment: with AWS's addresses of a machine's own
//! credentials, in a network of the test's own, and with the home of the user in a file system of its own.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use secretref_tests::canned::Canned;
use secretref_tests::fault::{Answer, Asked, Handler, Listener, Server, Setup};
use secretref_tests::own_machine;
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::stores::aws::fake::{FakeAws, Manner, Principal, Role};
use secretref_tests::stores::aws::signature::Key;
use serde_json::{Value, json};
use tempfile::TempDir;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";
const READER: &str = "arn:aws:iam::111122223333:role/reader";
const DEEPER: &str = "arn:aws:iam::111122223333:role/deeper";

/// Whether this is the run of the test `name` on a machine with the addresses of ECS, EKS and EC2, and an empty home.
fn in_own_machine(name: &str) -> bool {
    let script = "ip addr add 169.254.169.254/32 dev lo; ip addr add 169.254.170.2/32 dev lo; \
                  ip addr add 169.254.170.23/32 dev lo; mount -t tmpfs none /root; chmod 700 /root";
    own_machine::is_this(name, "secretref-aws", script)
}

/// AWS, and a folder with a profile.
struct Place {
    aws: FakeAws,
    folder: TempDir,
    key: Key,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("a mode");
        let aws = FakeAws::start(folder.path(), Manner::default());
        let key = aws.new_key(Principal::user(ACCOUNT));
        aws.put(ACCOUNT, REGION, "a", "value-a");
        aws.role(READER, Role { external_id: Some("ours".to_owned()), ..Role::default() });
        aws.role(DEEPER, Role { web_identity: Some("web-token".to_owned()), ..Role::default() });
        Self { aws, folder, key }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file that only its user reads.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// Writes the profile, with these lines.
    fn profile(&self, lines: &str) -> PathBuf {
        let url = &self.aws.http;
        let text = format!(
            "region = \"{REGION}\"\nendpoint_url = \"{url}\"\nsts_endpoint_url = \"{url}\"\nkeep_session = \"{}\"\n{lines}",
            self.path().join("kept").display()
        );
        self.file("profile.toml", &text)
    }

    /// One start of a gateway for the secret `a`, with nothing in its environment.
    fn start(&self, lines: &str) -> Ended {
        self.start_with(lines, &[])
    }

    fn start_with(&self, lines: &str, variables: &[(&str, &str)]) -> Ended {
        let profile = self.profile(lines);
        let run = Run::new(resolver::path("secretref-aws")).args([Path::new("--profile"), &profile]);
        let run = variables.iter().fold(run, |run, (name, value)| run.env(name, value));
        run.request(&["a"]).end()
    }

    /// The lines of an AWS profile with the key.
    fn keys(&self) -> String {
        format!("aws_access_key_id = {}\naws_secret_access_key = {}\n", self.key.id, self.key.secret)
    }

    /// The answer of a service that gives a machine its credentials.
    fn metadata(&self) -> String {
        self.aws.key(session(), Principal::user(ACCOUNT));
        json!({
            "Code": "Success", "AccessKeyId": session().id, "SecretAccessKey": session().secret,
            "Token": session().token, "Expiration": "2099-01-01T00:00:00Z",
        })
        .to_string()
    }

    /// How often AWS was asked to do this.
    fn count(&self, action: &str) -> usize {
        self.aws.calls().iter().filter(|call| call.starts_with(&format!("{action} "))).count()
    }
}

/// A temporary key.
fn session() -> Key {
    Key {
        id: "ASIAMACHINE000000001".to_owned(),
        secret: "secret/of+the/machine/00000000000000001".to_owned(),
        token: Some("session-token-of-the-machine".to_owned()),
    }
}

fn value(ended: &Ended) -> String {
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    answer["values"]["a"].as_str().unwrap_or_else(|| panic!("{ended:?}")).to_owned()
}

fn failure(ended: &Ended) -> String {
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    let error = &answer["errors"]["a"];
    format!(
        "{} {}",
        error["code"].as_str().unwrap_or_default(),
        error["message"].as_str().unwrap_or_default()
    )
}

fn serve(address: &str, handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
    let listener = Listener::Tcp(TcpListener::bind(address).expect(address));
    let handler: Handler = Arc::new(handler);
    Server::start_on(listener, Setup::default(), handler, Arc::new(|act, _| act)).for_good()
}

fn header<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The metadata service of an instance, version 2.
fn instance(credentials: String) -> Server {
    serve("169.254.169.254:80", move |asked| {
        let has_token = header(asked, "x-aws-ec2-metadata-token") == "imds-token";
        match (asked.method.as_str(), asked.path.as_str()) {
            ("PUT", "/latest/api/token") if header(asked, "x-aws-ec2-metadata-token-ttl-seconds") == "60" => {
                Answer::new(200, "imds-token")
            }
            ("GET", "/latest/meta-data/iam/security-credentials/") if has_token => {
                Answer::new(200, "gateway\n")
            }
            ("GET", "/latest/meta-data/iam/security-credentials/gateway") if has_token => {
                Answer::new(200, credentials.clone())
            }
            _ => Answer::new(401, ""),
        }
    })
}

/// The credentials that a machine has by itself, at their real addresses.
#[test]
#[ignore = "needs root, for a network of its own"]
fn machine() {
    if !in_own_machine("machine") {
        return;
    }
    let place = Place::new();
    let credentials = place.metadata();
    let lines = "auth = \"instance\"\n";
    // Nothing answers here yet.
    let ended = place.start(lines);
    assert!(failure(&ended).contains("the instance metadata service at http://169.254.169.254"), "{ended:?}");
    let service = instance(credentials.clone());
    assert_eq!(value(&place.start(lines)), "value-a");
    assert_eq!(value(&place.start("")), "value-a", "without `auth` it is the last that is tried");
    assert_eq!(value(&place.start(&format!("role_arn = \"{READER}\"\nexternal_id = \"ours\"\n"))), "value-a");

    let given = credentials.clone();
    let ecs = serve("169.254.170.2:80", move |asked| match asked.path.as_str() {
        "/v2/credentials/task" => Answer::new(200, given.clone()),
        _ => Answer::new(404, r#"{"code":"NotFound","message":"canary"}"#),
    });
    let before = service.connections();
    let uri = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/task")];
    let listed = "env = [\"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI\"]\n";
    assert_eq!(value(&place.start_with(listed, &uri)), "value-a");
    assert_eq!(value(&place.start_with(&format!("auth = \"container\"\n{listed}"), &uri)), "value-a");
    assert_eq!(ecs.connections(), 1, "the second start has the first one's");
    let ended = place.start("auth = \"container\"\ncontainer_credentials_uri = \"/v2/credentials/other\"\n");
    assert!(failure(&ended).contains("refuses (404)"), "{ended:?}");

    let token = place.file("pod-token", "pod-token\n");
    let eks = serve("169.254.170.23:80", move |asked| {
        match (asked.path.as_str(), header(asked, "authorization")) {
            ("/v1/credentials", "pod-token") => Answer::new(200, credentials.clone()),
            _ => Answer::new(401, ""),
        }
    });
    let token = token.display().to_string();
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.as_str()),
    ];
    let listed =
        "env = [\"AWS_CONTAINER_CREDENTIALS_FULL_URI\", \"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\"]\n";
    assert_eq!(value(&place.start_with(listed, &variables)), "value-a");
    assert_eq!(eks.connections(), 1);
    let ended = place.start("container_credentials_uri = \"http://169.254.1.1/v1\"\n");
    assert!(failure(&ended).contains("without TLS"), "{ended:?}");
    assert_eq!(service.connections(), before, "a container is not an instance");
    assert_eq!(value(&place.start_with("", &uri)), "value-a", "a variable that is not listed does not count");
    assert_ne!(service.connections(), before);
    home(&place, &service);
}

/// What the files in the user's home say. A profile that is named never falls through to the instance's role.
fn home(place: &Place, service: &Server) {
    let write = |name: &str, text: &str| {
        let path = Path::new("/root/.aws").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
    };
    let program = place.file("program", "#!/bin/sh\ntouch \"$0.ran\"\ncat \"${0%/*}/printed\"\n");
    fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("a mode");
    let printed = json!({"Version": 1, "AccessKeyId": place.key.id, "SecretAccessKey": place.key.secret});
    place.file("printed", &printed.to_string());
    let ran = place.path().join("program.ran");
    let config = format!(
        "[default]\ncredential_process = {program}\n[sso-session corp]\nsso_region = us-east-1\n\
         sso_start_url = https://corp.awsapps.com/start\n[profile corp]\nsso_session = corp\nsso_account_id = {ACCOUNT}\n\
         sso_role_name = reader\naws_access_key_id = ASIAOLD\naws_secret_access_key = x\naws_session_token = x\n\
         [profile late]\nsso_start_url = https://late.awsapps.com/start\nsso_region = us-east-1\n\
         sso_account_id = {ACCOUNT}\nsso_role_name = reader\n[profile plain]\nregion = {REGION}\n\
         [profile of-corp]\nrole_arn = {READER}\nsource_profile = corp\nexternal_id = ours\n\
         [profile of-keys]\nrole_arn = {READER}\nsource_profile = keys\nexternal_id = ours\n\
         [profile of-instance]\nrole_arn = {READER}\ncredential_source = Ec2InstanceMetadata\nexternal_id = ours\n",
        program = program.display()
    );
    write("config", &config);
    write("credentials", &format!("[keys]\n{}", place.keys()));

    // A program runs only if the profile asks for it.
    let before = service.connections();
    let ended = place.start("");
    assert!(failure(&ended).contains("set `auth` to process") && !ran.exists(), "{ended:?}");
    assert_eq!(value(&place.start("auth = \"process\"\n")), "value-a");
    assert!(ran.exists());
    let command = format!("auth = \"process\"\ncredential_process = \"{}\"\n", program.display());
    assert_eq!(value(&place.start(&command)), "value-a");

    // A profile that is named and cannot serve.
    for (name, words) in [
        ("absent", "there is no AWS profile absent"),
        ("plain", "has no credentials"),
        ("corp", "run aws sso login --profile corp"),
        ("late", "run aws sso login --profile late"),
    ] {
        let ended = place.start(&format!("aws_profile = \"{name}\"\n"));
        assert!(failure(&ended).contains(words), "{name}: {ended:?}");
    }
    assert_eq!(service.connections(), before, "no other credentials replace a profile");

    // A login of SSO, which comes before old session keys in the same profile.
    let login = |name: &str, ends: &str| {
        let mark = digest(&SHA1_FOR_LEGACY_USE_ONLY, name.as_bytes());
        let name = mark.as_ref().iter().fold(String::new(), |name, byte| name + &format!("{byte:02x}"));
        let login = json!({"accessToken": "sso-token", "expiresAt": ends, "region": "us-east-1"});
        write(&format!("sso/cache/{name}.json"), &login.to_string());
    };
    login("corp", "2099-01-01T00:00:00Z");
    login("https://late.awsapps.com/start", "2020-01-01T00:00:00UTC");
    let portal = serve("127.0.0.1:9099", |asked| {
        let is_signed_in = header(asked, "x-amz-sso_bearer_token") == "sso-token";
        let path = format!("/federation/credentials?role_name=reader&account_id={ACCOUNT}");
        if !is_signed_in || asked.path != path {
            return Answer::new(401, r#"{"message":"canary"}"#)
                .header("x-amzn-errortype", "UnauthorizedException");
        }
        let key = session();
        let role = json!({
            "accessKeyId": key.id, "secretAccessKey": key.secret, "sessionToken": key.token, "expiration": 4_070_908_800_000_u64,
        });
        Answer::new(200, json!({"roleCredentials": role}).to_string())
            .header("content-type", "application/json")
    });
    let sso = |name: &str| format!("sso_endpoint_url = \"{}\"\naws_profile = \"{name}\"\n", portal.url());
    assert_eq!(value(&place.start(&format!("auth = \"sso\"\n{}", sso("corp")))), "value-a");
    assert_eq!(value(&place.start(&sso("corp"))), "value-a");
    assert_eq!(value(&place.start(&sso("of-corp"))), "value-a");
    assert_eq!(portal.connections(), 1, "the role's credentials are kept");
    let ended = place.start(&sso("late"));
    assert!(failure(&ended).contains("has expired: run aws sso login --profile late"), "{ended:?}");

    // Roles.
    let _ = place.aws.calls();
    for name in ["of-keys", "of-keys", "of-instance"] {
        assert_eq!(value(&place.start(&format!("aws_profile = \"{name}\"\n"))), "value-a", "{name}");
    }
    // With the instance's role it was assumed at the top already.
    assert_eq!(place.count("AssumeRole"), 1);
}

/// The ways that need no machine of their own.
#[test]
fn keys_roles_and_web_identities() {
    let place = Place::new();
    place.file(
        "credentials",
        &format!("[gateway] # the key of the gateway\n{}[half]\naws_access_key_id = AKIA1\n", place.keys()),
    );
    let file = "aws_credentials_file = \"credentials\"\naws_profile = \"gateway\"\n";
    assert_eq!(value(&place.start(file)), "value-a");
    assert_eq!(value(&place.start(&format!("auth = \"profile\"\n{file}"))), "value-a");
    let kept = fs::read_dir(place.path().join("kept")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "a key is not stored a second time");
    let ended = place.start("aws_credentials_file = \"credentials\"\naws_profile = \"half\"\n");
    assert!(failure(&ended).contains("no aws_secret_access_key"), "{ended:?}");

    let keys =
        [("AWS_ACCESS_KEY_ID", place.key.id.as_str()), ("AWS_SECRET_ACCESS_KEY", place.key.secret.as_str())];
    let listed = "auth = \"environment\"\nenv = [\"AWS_ACCESS_KEY_ID\", \"AWS_SECRET_ACCESS_KEY\"]\n";
    assert_eq!(value(&place.start_with(listed, &keys)), "value-a");
    let ended = place.start_with("auth = \"environment\"\n", &keys);
    assert!(failure(&ended).contains("AWS_ACCESS_KEY_ID is not set"), "{ended:?}");

    // A role: one AssumeRole for eight starts at once, and none for the next.
    let _ = place.aws.calls();
    let role = format!("{file}role_arn = \"{READER}\"\nexternal_id = \"ours\"\n");
    let profile = place.profile(&role);
    std::thread::scope(|scope| {
        let start = || {
            let run = Run::new(resolver::path("secretref-aws")).args([Path::new("--profile"), &profile]);
            value(&run.request(&["a"]).end())
        };
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        for start in starts {
            assert_eq!(start.join().expect("a start"), "value-a");
        }
    });
    assert_eq!(value(&place.start(&role)), "value-a");
    assert_eq!(place.count("AssumeRole"), 1);
    // A refused one is left alone.
    let wrong = format!("{file}role_arn = \"{READER}\"\nexternal_id = \"theirs\"\n");
    for _ in 0..3 {
        let ended = place.start(&wrong);
        assert!(failure(&ended).contains("check the role's trust policy"), "{ended:?}");
    }
    assert_eq!(place.count("AssumeRole"), 1);

    let token = place.file("token", "web-token\n");
    let web = format!("web_identity_token_file = \"token\"\nrole_arn = \"{DEEPER}\"\n");
    assert_eq!(value(&place.start(&web)), "value-a");
    assert_eq!(value(&place.start(&format!("auth = \"web_identity\"\n{web}"))), "value-a");
    assert_eq!(place.count("AssumeRoleWithWebIdentity"), 1);
    let variables =
        [("AWS_ROLE_ARN", DEEPER), ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().expect("UTF-8"))];
    let listed = "env = [\"AWS_ROLE_ARN\", \"AWS_WEB_IDENTITY_TOKEN_FILE\"]\n";
    assert_eq!(value(&place.start_with(listed, &variables)), "value-a");
    place.file("token", "another");
    let ended = place.start(&web);
    assert!(failure(&ended).contains("does not accept the web identity token"), "{ended:?}");
}

/// An agent can often write the gateway's `.env`. Nothing in it changes where a profile's requests go.
#[test]
fn hostile_variables() {
    let place = Place::new();
    place.file("credentials", &format!("[default]\n{}", place.keys()));
    let evil = Canned::http("200 OK", "", "canary");
    let config = place
        .file("evil", &format!("[default]\nendpoint_url = {}\n[profile evil]\nrole_arn = x\n", evil.http));
    let partitions = place.file("partitions.json", "{}");
    let (config, partitions) = (config.display().to_string(), partitions.display().to_string());
    for (name, text) in [
        ("AWS_ENDPOINT_URL", evil.http.as_str()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &evil.http),
        ("AWS_ENDPOINT_URL_STS", &evil.http),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &evil.http),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &evil.http),
        ("AWS_CONFIG_FILE", &config),
        ("AWS_PROFILE", "evil"),
        ("AWS_ROLE_ARN", READER),
        ("AWS_CA_BUNDLE", &config),
        ("HTTP_PROXY", &evil.http),
        ("HTTPS_PROXY", &evil.http),
    ] {
        let ended = place.start_with("aws_credentials_file = \"credentials\"\n", &[(name, text)]);
        assert_eq!(value(&ended), "value-a", "{name}");
    }
    let ended = place.start_with(
        "aws_credentials_file = \"credentials\"\n",
        &[("SMITHY_CLIENT_SDK_CUSTOM_PARTITION", &partitions)],
    );
    assert_ne!(ended.code, Some(0), "{ended:?}");
    assert_eq!(evil.connections(), 0);
}

/// Away from EC2 nothing answers at the address of the metadata service.
#[test]
fn no_credentials() {
    let place = Place::new();
    let silent = Canned::start("");
    let lines = format!("auth = \"instance\"\naws_metadata = \"{}\"\n", silent.http);
    let ended = place.start(&lines);
    assert!(failure(&ended).contains("does not answer within 300 ms"), "{ended:?}");
    assert!(ended.took < Duration::from_millis(900), "{ended:?}");
    let config = place.file("config", "[profile other]\n");
    let lines = format!("aws_metadata = \"{}\"\naws_config_file = \"{}\"\n", silent.http, config.display());
    let ended = place.start(&lines);
    let said = failure(&ended);
    for words in
        ["AWS_ACCESS_KEY_ID is not set", "`web_identity_token_file`", "`container_credentials_uri`", "300 ms"]
    {
        assert!(said.contains(words), "{words}: {ended:?}");
    }
}

/// `doctor` says whose credentials are used and where they are from.
#[test]
fn doctor() {
    let place = Place::new();
    place.file("credentials", &format!("[default]\n{}", place.keys()));
    let lines =
        format!("aws_credentials_file = \"credentials\"\nrole_arn = \"{READER}\"\nexternal_id = \"ours\"\n");
    let profile = place.profile(&lines);
    let run = Run::new(resolver::path("secretref-aws")).args([Path::new("--profile"), &profile]);
    let ended = run.args(["doctor", "a", "--names"]).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for words in ["assumed with the AWS profile default of", "assumed-role/reader/secretref-", REGION] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
}
