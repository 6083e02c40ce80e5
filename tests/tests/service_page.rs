//! What the pages about services and containers tell a reader to type: for users, units and containers of their own.
//!
//! Blocks of `docs/service.md`: "A user of its own" text 1, "A hardened unit" sh 1, "A hardened unit" ini 1, "A hardened unit" toml 1
//! Blocks of `docs/service.md`: "Several gateways on one machine" text 1, "Cut a gateway off" sh 1, "launchd" xml 1
//! Blocks of `docs/service.md`: "Without a journal" toml 1, "Without a journal" sh 1
//! Blocks of `docs/containers.md`: "In the image" dockerfile 1, "On a volume" text 1, "Kubernetes" yaml 1
//! Blocks of `docs/containers.md`: "Find out why it fails" text 1

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use secretref_tests::container::Container;
use secretref_tests::gateway::{Gateway, answers, is_root};
use secretref_tests::openbao::{self, OpenBao, ROOT};
use secretref_tests::page::{self, Page};
use secretref_tests::resolver::{self, Run};
use secretref_tests::unit::{Unit, typed};
use serde_json::json;

const SERVICE: &str = "docs/service.md";
const CONTAINERS: &str = "docs/containers.md";

#[test]
fn every_block_is_typed_or_read_by_a_test() {
    for page in [SERVICE, CONTAINERS] {
        assert_eq!(Page::read(page).all_blocks(), page::claims(page));
    }
}

/// Root types it on a machine that has the users of the page, and an `/etc` of its own.
#[test]
fn root_installs_for_the_users_of_services() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a mode");
    resolver::copy("secretref-vault", &folder.path().join("secretref-vault"));
    let page = Page::read(SERVICE);
    let lines =
        [page.block("A user of its own", "text"), page.block("Several gateways on one machine", "text")];
    for (lines, wanted) in [
        (&lines[0], &["install -o nova -m 600 /dev/stdin /var/lib/nova/token", "User=nova"][..]),
        (
            &lines[0].replace(" --token-file /var/lib/nova/token", " --auth token"),
            &["LoadCredentialEncrypted=vault-token"],
        ),
        (&lines[1], &["/var/lib/iris/secret-id", "User=iris"]),
    ] {
        // The server of the page is not there to be asked.
        let typed = lines.replace(" --yes", " --yes --no-test");
        let script = format!(
            "mkdir -p etc; cp /etc/passwd /etc/group /etc/nsswitch.conf etc/; cp /etc/ld.so.cache etc/ || true
             printf 'nova:x:5001:5001::/var/lib/nova:/bin/sh\\niris:x:5002:5002::/var/lib/iris:/bin/sh\\n' >> etc/passwd
             mount --bind etc /etc
             mkdir -p lib; mount --bind lib /var/lib; mkdir /var/lib/nova /var/lib/iris
             chown nova /var/lib/nova; chown iris /var/lib/iris\n{typed}\nstat -c '%U %a' /etc/secretref/*/*.toml /etc/secretref/* /etc/secretref
             rm -r /etc/secretref lib/nova lib/iris"
        );
        let ended = Command::new("unshare")
            .args(["--mount", "bash", "-euc", &script])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.path().display()))
            .output()
            .expect("unshare");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&ended.stdout), text(&ended.stderr));
        assert!(ended.status.success(), "{typed}: {stderr}");
        for words in wanted {
            assert!(stderr.contains(words), "{words}: {stderr}");
        }
        assert!(
            stderr.contains("doctor --as-gateway --user nova ID") && stderr.contains("must belong to nova"),
            "{stderr}"
        );
        assert!(stdout.contains("command: \"/etc/secretref/nova/vault.toml\""), "{stdout}");
        let is_of_systemd = stderr.contains("LoadCredentialEncrypted=");
        assert_eq!(stdout.contains("passEnv: [\"CREDENTIALS_DIRECTORY\"]"), is_of_systemd, "{stdout}");
        assert!(stdout.contains("nova 700") && stdout.ends_with("root 755\n"), "{stdout}");
    }
}

/// The gateway in the unit of the page, with the credential of the page as a secret.
#[test]
#[ignore = "needs systemd, root and the real gateway: tests/run has them"]
fn the_gateway_works_in_the_hardened_unit() {
    let page = Page::read(SERVICE);
    let title = "A hardened unit";
    let unit = page.block(title, "ini");
    let service =
        unit.split_once("[Service]\n").expect("a section").1.split_once("\n[Install]").expect("a section").0;
    // Of the kit are the user, the program, and the folders below /tmp.
    let own = ["User=", "ExecStart=", "Restart", "StateDirectory", "Environment=", "PrivateTmp="];
    let lines: Vec<_> =
        service.lines().filter(|line| !own.iter().any(|start| line.starts_with(start))).collect();
    assert!(lines.len() > 8, "{lines:?}");
    let prepare = format!("VAULT_TOKEN=value-token\n{}", page.block(title, "sh"));
    let unit = Unit::new(&lines.join("\n")).prepared(&prepare);
    let gateway = Gateway::ordinary();
    let profile = |name: &str, lines: &str| {
        let binary = unit.resolver(name);
        unit.file(&format!("{name}.toml"), 0o500, format!("#!{} --profile\n{lines}\n", binary.display()))
    };
    let keys = profile("secretref-keychain", "store = \"systemd\"");
    let vault = profile("secretref-vault", &page.block(title, "toml"));
    let provider = json!({"source": "exec", "command": keys, "passEnv": ["CREDENTIALS_DIRECTORY"]});
    let run = gateway.asking(&json!({"unit": provider}), &[("unit", &["vault-token"])]);
    let asked = typed(&run.command());
    let ended = unit.run(&format!(
        "cd {}\n{asked}\n{} snippet --form plan >&2\n",
        gateway.modules().display(),
        vault.display()
    ));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(answers(&ended).remove(0).unwrap()["vault-token"], "value-token");
    assert!(ended.stderr.contains("\"CREDENTIALS_DIRECTORY\""), "{ended:?}");
}

/// A session outlives its role, and ends when it is revoked.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_gateway_is_cut_off() {
    let server = OpenBao::start();
    server.api("secret/data/openai", Some(&json!({"data": {"key": "value-1"}})));
    server.token("unused", "reader", r#"path "secret/data/*" { capabilities = ["read"] }"#, true);
    server.enable("approle");
    server.api(
        "auth/approle/role/nova",
        Some(&json!({"token_policies": ["reader", "default"], "token_ttl": "1h"})),
    );
    let role = server.api("auth/approle/role/nova/role-id", None)["data"]["role_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let secret = server.api("auth/approle/role/nova/secret-id", Some(&json!({})));
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("secret-id"), secret["data"]["secret_id"].as_str().expect("an id"))
        .expect("a file");
    let profile = folder.path().join("vault.toml");
    let text = format!(
        "#!{} --profile\naddress = \"{}\"\nca_cert = \"{}\"\nauth = \"approle\"\nrole_id = \"{role}\"\n\
         secret_id_file = \"secret-id\"\nkeep_session = \"kept\"\n",
        resolver::path("secretref-vault").display(),
        server.https,
        server.ca.display()
    );
    fs::write(&profile, text).expect("a profile");
    fs::set_permissions(&profile, Permissions::from_mode(0o700)).expect("a mode");
    let get = || {
        let got = Command::new(&profile).env_clear().args(["get", "openai#key"]).output().expect("it starts");
        String::from_utf8_lossy(&got.stdout).into_owned()
    };
    let bao = openbao::binary();
    let type_in = |commands: &str| {
        let ca = server.ca.display().to_string();
        let env = [("BAO_ADDR", server.https.as_str()), ("BAO_CACERT", &ca), ("BAO_TOKEN", ROOT)];
        page::type_in(commands, folder.path(), &[bao.parent().expect("a folder")], &env)
    };
    assert_eq!(get(), "value-1");
    let commands = Page::read(SERVICE).block("Cut a gateway off", "sh");
    let [delete, logout, reload] = commands.lines().collect::<Vec<_>>()[..] else { panic!("{commands}") };
    // The folders of the unit above.
    let unit = Page::read(SERVICE).block("A hardened unit", "ini");
    let words: Vec<_> = reload.split(' ').collect();
    let [sudo @ .., "openclaw", "secrets", "reload"] = words.as_slice() else { panic!("{reload}") };
    assert_eq!(sudo[..4], ["sudo", "-u", "nova", "env"]);
    assert!(sudo[4..].iter().all(|word| unit.contains(&format!("Environment={word}\n"))), "{unit}");
    type_in(delete);
    assert_eq!(get(), "value-1", "a session outlives its role");
    type_in(&logout.replace("sudo -u nova /etc/secretref/nova/vault.toml", &profile.display().to_string()));
    assert_eq!(get(), "");
}

/// The line of a failed run, in the file that the profile names.
#[test]
fn a_failed_run_writes_its_line_to_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (page, title) = (Page::read(SERVICE), "Without a journal");
    let place = |text: String| text.replace("/var/lib/nova", &folder.path().display().to_string());
    let profile = folder.path().join("keychain.toml");
    let text = format!("store = \"file\"\nfolder = \"store\"\n{}\n", place(page.block(title, "toml")));
    fs::write(&profile, text).expect("a profile");
    let run =
        || Run::new(resolver::path("secretref-keychain")).args(["--profile".as_ref(), profile.as_os_str()]);
    for _ in 0..2 {
        assert_eq!(run().request(&["openai"]).end().code, Some(0));
    }
    let log = page::type_in(&place(page.block(title, "sh")), folder.path(), &[], &[]);
    assert_eq!(log.lines().count(), 2, "{log}");
    for line in log.lines() {
        let (time, rest) = line.split_once(' ').expect("a time");
        assert!(time.len() == 20 && time.ends_with('Z'), "{line}");
        assert!(rest.starts_with("secretref-keychain[") && rest.contains("openai NOT_FOUND"), "{line}");
    }
    let file = folder.path().join("secretref.log");
    assert_eq!(fs::metadata(&file).expect("a log").mode() & 0o777, 0o600);
    // Without a profile, the `args` of a gateway name it, and they are not to be trusted.
    let bare = folder.path().join("bare.log");
    let store = folder.path().join("store").display().to_string();
    let args = ["--store", "file", "--folder", &store, "--log-file", &bare.display().to_string()];
    let unbound = Run::new(resolver::path("secretref-keychain")).args(args).request(&["openai"]).end();
    assert!(unbound.stdout.contains("NOT_FOUND") && !bare.exists(), "{unbound:?}");
    // A limit on files, or a place that is no file, costs no answer.
    let limited = Run::new("/usr/bin/prlimit")
        .args(["--fsize=100:100".as_ref(), resolver::path("secretref-keychain").as_os_str()]);
    let limited = limited.args(["--profile".as_ref(), profile.as_os_str()]).request(&["openai"]).end();
    assert!(limited.code == Some(0) && limited.stdout.contains("NOT_FOUND"), "{limited:?}");
    fs::remove_file(&file).expect("a log");
    fs::create_dir(&file).expect("a folder");
    assert_eq!(run().request(&["openai"]).end().code, Some(0));
    let doctor = run().args(["doctor", "openai"]).end();
    assert!(doctor.stdout.contains("`log_file` <path> cannot be written"), "{doctor:?}");
}

/// The form of the lines for launchd, and the variable that they name.
#[test]
fn the_lines_for_launchd_are_a_part_of_a_property_list() {
    let lines = Page::read(SERVICE).block("launchd", "xml");
    let python = "import plistlib,sys; p=plistlib.loads(('<plist><dict>'+sys.argv[1]+'</dict></plist>').encode()); \
                  print(*p['EnvironmentVariables'])";
    let read = Command::new("python3").args(["-c", python, &lines]).output().expect("python3");
    let variable = String::from_utf8_lossy(&read.stdout).trim().to_owned();
    let settings = Command::new(resolver::path("secretref-vault")).args(["settings", &variable]).output();
    assert!(settings.expect("it starts").status.success(), "{variable}: {read:?}");
}

/// The JSON arrays of a page after `start`.
fn array(page: &str, start: &str) -> Vec<Vec<String>> {
    let texts = page.lines().filter_map(|line| line.trim().strip_prefix(start));
    let arrays = texts.filter(|text| text.starts_with('['));
    arrays.map(|text| serde_json::from_str(text).expect("an array")).collect()
}

const UID: u32 = 1000;

/// A folder with this owner and mode, as Kubernetes mounts it.
fn volume(owner: u32, mode: u32) -> tempfile::TempDir {
    let volume = tempfile::tempdir().expect("a folder");
    chown(volume.path(), Some(owner), Some(UID)).expect("an owner");
    fs::set_permissions(volume.path(), Permissions::from_mode(mode)).expect("a mode");
    volume
}

/// The commands of the pages, with a read-only root and a user without a name.
#[test]
#[ignore = "needs runc and root: tests/run has both"]
fn a_profile_is_installed_in_a_container() {
    let page = Page::read(CONTAINERS);
    let of_volume: Vec<_> = page.block("On a volume", "text").split(' ').map(str::to_owned).collect();
    let of_image = array(&page.block("In the image", "dockerfile"), "RUN ").remove(0);
    let pod = page.block("Kubernetes", "yaml");
    let [sticky, of_pod] = array(&pod, "command: ").try_into().expect("two commands");
    assert_eq!(sticky, ["chmod", "1777", "/data"]);
    assert!(pod.contains(&format!("runAsUser: {UID}")));
    for (owner, mode, path, words, works) in [
        (UID, 0o755, "/etc/secretref", &of_image, true),
        (0, 0o777, "/data", &of_volume, false),
        (0, 0o2777, "/data", &of_volume, false),
        (0, 0o2775, "/data", &of_volume, false),
        (0, 0o1777, "/data", &of_volume, true),
        (0, 0o1777, "/data", &of_pod, true),
    ] {
        let volume = volume(owner, mode);
        let container = Container::of("secretref-vault", UID).volume(volume.path(), path);
        let words = by_path(words);
        let first = container.run(&words).end();
        if !works {
            assert!(first.code == Some(3) && first.stderr.contains("chmod +t /data"), "{mode:o}: {first:?}");
            assert_eq!(fs::read_dir(volume.path()).expect("a folder").count(), 0);
            continue;
        }
        assert!(first.code == Some(0) && first.stderr.contains("wrote"), "{mode:o}: {first:?}");
        assert!(container.run(&words).end().stderr.contains("is unchanged"));
        let to = words[words.iter().position(|word| *word == "--to").expect("a place") + 1];
        let file = volume.path().join(Path::new(to).strip_prefix(path).expect("a file"));
        assert_eq!(fs::metadata(&file).expect("a profile").uid(), UID);
        let doctor = || doctor(&container, &page, to);
        assert!(
            doctor().contains("ok       command") && doctor().contains("ok       first line"),
            "{}",
            doctor()
        );
        // As Kubernetes leaves it at the next mount.
        fs::set_permissions(&file, Permissions::from_mode(0o770)).expect("a mode");
        assert!(doctor().contains("its group or all users can write it"), "{}", doctor());
        assert!(container.run(&words).end().stderr.contains("corrected the mode"));
        assert!(doctor().contains("ok       command"));
    }
}

/// The command of the page that finds out why it fails, for the profile `to`.
fn doctor(container: &Container, page: &Page, to: &str) -> String {
    let line = page.block("Find out why it fails", "text");
    let command = line.split_once("-- ").expect("a command").1.replace("/data/secretref/vault.toml", to);
    let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
    container.run(&by_path(&words)).end().stdout
}

/// The words of a command, with the path of the program, since the kit's container has no shell and no `PATH`.
fn by_path(words: &[String]) -> Vec<&str> {
    let is_program = |word: &String| word == "secretref-vault";
    words.iter().map(|word| if is_program(word) { "/usr/local/bin/secretref-vault" } else { word }).collect()
}
