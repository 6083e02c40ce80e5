# Made from packaging/homebrew/formula.rb.in by packaging/homebrew/generate.
class SecretrefAzure < Formula
  desc "Reads secrets from Azure Key Vault for agent gateways"
  homepage "https://github.com/secretref/secretref"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/secretref/secretref.git", branch: "main"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "resolvers/azure")
    program = bin/"secretref-azure"
    generate_completions_from_executable(program, "completions", shells: [:bash, :zsh, :fish])
    (man1/"secretref-azure.1").write Utils.safe_popen_read(program, "man")
    (man5/"secretref-azure-profile.5").write Utils.safe_popen_read(program, "man", "profile")
    (man7/"secretref-azure-protocol.7").write Utils.safe_popen_read(program, "man", "protocol")
    doc.install Dir["resolvers/azure/*.md"], "docs"
  end

  def caveats
    <<~EOS
      A gateway starts a profile, not the program itself. To create one:
        secretref-azure install
      It keeps working after an upgrade. For the settings of a profile, see
        #{homepage}/blob/main/resolvers/azure/README.md
    EOS
  end

  test do
    program = bin/"secretref-azure"
    assert_match "secretref-azure #{version}", shell_output("#{program} --version") unless build.head?
    request = '{"protocolVersion":1,"provider":"azure","ids":["openai"]}'
    assert_match "MISCONFIGURED", pipe_output(program.to_s, request, 3)
  end
end
