//! `secretref-azure`: secrets from Azure Key Vault.

fn main() {
    secretref_azure::main()
}
