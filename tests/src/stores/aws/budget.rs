//! What runs of AWS's resolver may cost.

use std::path::{Path, PathBuf};

use super::api::REGION;
use super::fake::{FakeAws, Manner, Principal, Role};
use super::servers;
use crate::store::{Budget, Cost, Counted};

pub const BUDGET: Budget = Budget {
    costs: &[
        Cost { sentence: "a request for nothing", way: Ok("http"), ids: 0, thousands: 700 },
        Cost { sentence: "1 id over http", way: Ok("http"), ids: 1, thousands: 1963 },
        Cost { sentence: "1 id over https", way: Ok("https"), ids: 1, thousands: 4746 },
        Cost { sentence: "1 id, a kept role", way: Ok("kept"), ids: 1, thousands: 4829 },
        Cost { sentence: "100 ids over https", way: Ok("https"), ids: 100, thousands: 12074 },
    ],
    start: |folder| Box::new(Place::start(folder)),
};

const ACCOUNT: &str = "111122223333";
const ROLE: &str = "arn:aws:iam::111122223333:role/reader";

/// The kit's own server with 100 secrets.
struct Place {
    fake: FakeAws,
    folder: PathBuf,
    credentials: PathBuf,
}

impl Place {
    fn start(folder: &Path) -> Self {
        let fake = FakeAws::start(folder, Manner::default());
        for number in 0..100 {
            fake.put(ACCOUNT, REGION, &format!("budget/n{number}"), &format!("value-{number}"));
        }
        fake.role(ROLE, Role::default());
        let key = fake.new_key(Principal::user(ACCOUNT));
        let credentials = servers::credentials_file(folder, &key);
        Self { fake, folder: folder.to_owned(), credentials }
    }
}

impl Counted for Place {
    fn profile(&self, way: &str) -> String {
        let address = if way == "http" { &self.fake.http } else { &self.fake.https };
        let lines = servers::lines(address, &self.fake.ca, &self.credentials);
        match way {
            // With credentials that an earlier run has got.
            "kept" => {
                let kept = self.folder.join("kept");
                format!("{lines}role_arn = \"{ROLE}\"\nkeep_session = \"{}\"\n", kept.display())
            }
            _ => lines,
        }
    }

    fn id(&self, number: usize) -> String {
        format!("budget/n{number}")
    }
}
