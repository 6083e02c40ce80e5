//! The budget of the keychain's resolver.

use std::path::{Path, PathBuf};

use crate::keyring::Session;
use crate::resolver;
use crate::store::{Budget, Cost, Counted};

pub const BUDGET: Budget = Budget {
    costs: &[
        Cost { sentence: "1 id of 50 in a file", way: Ok("file"), ids: 1, thousands: 2258 },
        Cost { sentence: "1 id of the Secret Service", way: Ok("bus"), ids: 1, thousands: 801 },
    ],
    start: |folder| Box::new(Place::start(folder)),
};

struct Place {
    session: Session,
    folder: PathBuf,
}

impl Place {
    fn start(folder: &Path) -> Self {
        let place = Self { session: Session::unlocked(), folder: folder.join("file") };
        let folder = place.folder.to_str().expect("UTF-8");
        for number in 0..50 {
            let set = resolver::Run::new(resolver::path("secretref-keychain"));
            let set = set.args(["--store", "file", "--folder", folder, "set", &place.id(number)]);
            assert_eq!(set.stdin(format!("value-{number}")).end().code, Some(0));
        }
        place.session.store("budget", "n0", "value-0");
        place
    }
}

impl Counted for Place {
    fn profile(&self, way: &str) -> String {
        match way {
            "file" => format!("store = \"file\"\nfolder = \"{}\"", self.folder.display()),
            _ => format!("bus = \"{}\"", self.session.bus().display()),
        }
    }

    fn id(&self, number: usize) -> String {
        format!("budget/n{number}")
    }
}
