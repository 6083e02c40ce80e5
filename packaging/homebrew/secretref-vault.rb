# Made from packaging/homebrew/formula.rb.in by packaging/homebrew/generate.
class SecretrefVault < Formula
  desc "Reads secrets from HashiCorp Vault and OpenBao for agent gateways"
  homepage "https://github.com/secretref/secretref"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/secretref/secretref.git", branch: "main"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "resolvers/vault")
    program = bin/"secretref-vault"
    generate_completions_from_executable(program, "completions", shells: [:bash, :zsh, :fish])
    (man1/"secretref-vault.1").write Utils.safe_popen_read(program, "man")
    (man5/"secretref-vault-profile.5").write Utils.safe_popen_read(program, "man", "profile")
    (man7/"secretref-vault-protocol.7").write Utils.safe_popen_read(program, "man", "protocol")
    doc.install Dir["resolvers/vault/*.md"], "docs"
  end

  def caveats
    <<~EOS
      A gateway starts a profile, not the program itself. To create one:
        secretref-vault install
      It keeps working after an upgrade. For the settings of a profile, see
        #{homepage}/blob/main/resolvers/vault/README.md
    EOS
  end

  test do
    program = bin/"secretref-vault"
    assert_match "secretref-vault #{version}", shell_output("#{program} --version") unless build.head?
    request = '{"protocolVersion":1,"provider":"vault","ids":["openai"]}'
    assert_match "MISCONFIGURED", pipe_output(program.to_s, request, 3)
  end
end
