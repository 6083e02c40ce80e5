//! An entry of the keychain as keyring, a library that many programs use, writes and reads it.
//!
//! `keyring-entry SERVICE ACCOUNT [VALUE]` stores the value if there is one, else prints that of the entry.

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (service, account) = arguments.next().zip(arguments.next()).expect("a service and an account");
    let entry = keyring::Entry::new(&service, &account).expect("a keychain");
    match arguments.next() {
        Some(value) => entry.set_password(&value).expect("a new value"),
        None => print!("{}", entry.get_password().expect("an entry")),
    }
}
