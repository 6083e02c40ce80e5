//! `secretref-vault`: secrets from HashiCorp Vault and OpenBao.

fn main() {
    secretref_vault::main()
}
