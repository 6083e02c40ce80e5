//! `secretref-keychain`: secrets from the keychain of this machine.

fn main() {
    secretref_keychain::main()
}
