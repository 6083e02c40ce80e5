//! The budget of Vault's resolver.

use std::path::{Path, PathBuf};

use crate::fake_vault::{FakeVault, Manner, Token};
use crate::store::{Budget, Cost, Counted};

pub const BUDGET: Budget = Budget {
    costs: &[
        Cost { sentence: "--help", way: Err(&["--help"]), ids: 0, thousands: 2264 },
        Cost { sentence: "a request for nothing", way: Ok("http"), ids: 0, thousands: 496 },
        Cost { sentence: "1 id over http", way: Ok("http"), ids: 1, thousands: 624 },
        Cost { sentence: "1 id over https", way: Ok("https"), ids: 1, thousands: 3409 },
        Cost { sentence: "1 id, a kept session", way: Ok("kept"), ids: 1, thousands: 3478 },
        Cost { sentence: "100 ids over https, HTTP/2", way: Ok("https"), ids: 100, thousands: 13530 },
    ],
    start: |folder| Box::new(Place::start(folder)),
};

struct Place {
    fake: FakeVault,
    folder: PathBuf,
}

impl Place {
    fn start(folder: &Path) -> Self {
        let fake = FakeVault::start(folder, Manner::default());
        fake.mount("secret");
        fake.token("hvs.seeded-token", Token { denied: "\0", may_look: true });
        fake.login("auth/approle/login", "hvs.seeded-token", |_| true);
        for number in 0..100 {
            fake.put("secret", &format!("budget/n{number}"), &format!("{{\"key\":\"value-{number}\"}}"));
        }
        std::fs::write(folder.join("token"), "hvs.seeded-token\n").expect("a token");
        Self { fake, folder: folder.to_owned() }
    }
}

impl Counted for Place {
    fn profile(&self, way: &str) -> String {
        let lines = |address: &str, sign_in: &str| {
            format!("address = \"{address}\"\nca_cert = \"{}\"\n{sign_in}", self.fake.ca.display())
        };
        match way {
            "http" => lines(&self.fake.http, "token_file = \"token\""),
            "https" => lines(&self.fake.https, "token_file = \"token\""),
            // With a cached session of an earlier run.
            _ => lines(
                &self.fake.https,
                &format!(
                    "auth = \"approle\"\nrole_id = \"r\"\nsecret_id_file = \"token\"\nkeep_session = \"{}\"",
                    self.folder.join("kept").display()
                ),
            ),
        }
    }

    fn id(&self, number: usize) -> String {
        format!("budget/n{number}#key")
    }
}
