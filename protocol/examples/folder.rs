//! A whole resolver: each secret is a file in one folder, as containers mount them.

use std::path::{Path, PathBuf};

use secretref_protocol::{
    Backend, Document, Failure, FetchSink, Field, Kind, Manage, Name, NameKeys, Secret, Setting, Settings,
    Store,
};

const FOLDER: Setting<Path> = Setting::path("folder", "the folder of the secrets");

struct Folder(PathBuf);

impl Backend for Folder {
    const STORE: Store = Store {
        binary: "secretref-folder",
        version: "0.1.0",
        about: "Reads secrets from the files of a folder",
        settings: &[&[FOLDER.row()]],
        name_keys: NameKeys::Only(&[]),
        form: "file[#field]",
        examples: "  secretref-folder --folder ./secrets get database#password",
        profile: "folder = \"/run/secrets\"\nallow = [\"database#*\"]",
    };
    const LOOKS_UP_HOSTS: bool = false;
    const CONNECTS: bool = false;
    type Locator = String;
    type Scope = ();
    type Session = ();

    fn configure(settings: &Settings) -> Result<Self, Failure> {
        let unset = || Failure::misconfigured("`folder` is not set", "set it to the folder of the secrets");
        settings.path(&FOLDER)?.map(Self).ok_or_else(unset)
    }

    fn locate(&self, name: &Name) -> Result<(String, Field), Failure> {
        let is_file_name = Path::new(&name.name).file_name().is_some_and(|file| file == name.name.as_str());
        if !is_file_name || name.version.is_some() {
            return Err(Failure::invalid_id("not the name of a file in the folder", "ask for file#field"));
        }
        Ok((name.name.clone(), name.field.clone().unwrap_or(Field::Whole)))
    }

    fn default_scope(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn scope(&self, _: &String) {}

    async fn session(&self, (): &(), _: &[Vec<String>], _: Option<&()>) -> Result<(), Failure> {
        Ok(())
    }

    async fn fetch(&self, (): &(), batch: &[String], sink: &FetchSink<'_, String>) {
        for file in batch {
            let read = std::fs::read_to_string(self.0.join(file)).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Failure::not_found("no such file in the folder", "create it"),
                kind => Failure::new(Kind::AccessDenied, format!("not readable: {kind}"), "check its mode"),
            });
            sink.settle(file, read.map(|text| Document::text(Secret::new(text))));
        }
    }
}

/// `set`, `list` and `delete` do not work for this store.
impl Manage for Folder {}

secretref_protocol::main!(Folder);
