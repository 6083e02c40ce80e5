//! What runs of Azure's resolver may cost.

use std::path::{Path, PathBuf};

use super::entra::TENANT;
use super::servers::{CLIENT, SECRET, register};
use super::stand_in::{Manner, StandIn};
use super::vaults::Version;
use crate::store::{Budget, Cost, Counted};

pub const BUDGET: Budget = Budget {
    costs: &[
        Cost { sentence: "1 id, a sign-in", way: Ok("each"), ids: 1, thousands: 6468 },
        Cost { sentence: "1 id, a kept token", way: Ok("kept"), ids: 1, thousands: 3675 },
        Cost { sentence: "100 ids, a kept token, HTTP/2", way: Ok("kept"), ids: 100, thousands: 21814 },
    ],
    start: |folder| Box::new(Place::start(folder)),
};

struct Place {
    server: StandIn,
    folder: PathBuf,
}

impl Place {
    fn start(folder: &Path) -> Self {
        let server = StandIn::start(folder, Manner::default());
        register(&server);
        let host = server.url.trim_start_matches("https://").to_owned();
        for number in 0..100 {
            server.put(&host, &format!("budget-n{number}"), Version::new(&format!("value-{number}")));
        }
        std::fs::write(folder.join("secret"), SECRET).expect("a secret");
        Self { server, folder: folder.to_owned() }
    }
}

impl Counted for Place {
    fn profile(&self, way: &str) -> String {
        let kept = self.folder.join("kept").display().to_string();
        let keep = if way == "kept" { &kept } else { "off" };
        let url = &self.server.url;
        format!(
            "vault = \"{url}\"\nauthority_host = \"{url}\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\n\
             client_secret_file = \"secret\"\nca_cert = \"{}\"\nkeep_session = \"{keep}\"",
            self.server.ca.display()
        )
    }

    fn id(&self, number: usize) -> String {
        format!("budget-n{number}")
    }
}
