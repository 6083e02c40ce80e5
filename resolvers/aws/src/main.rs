//! `secretref-aws`: secrets from AWS Secrets Manager.

fn main() {
    secretref_aws::main()
}
