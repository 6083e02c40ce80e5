# Made from packaging/homebrew/formula.rb.in by packaging/homebrew/generate.
class SecretrefKeychain < Formula
  desc "Reads secrets from the keychain of this machine for agent gateways"
  homepage "https://github.com/secretref/secretref"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/secretref/secretref.git", branch: "main"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args(path: "resolvers/keychain")
    program = bin/"secretref-keychain"
    generate_completions_from_executable(program, "completions", shells: [:bash, :zsh, :fish])
    (man1/"secretref-keychain.1").write Utils.safe_popen_read(program, "man")
    (man5/"secretref-keychain-profile.5").write Utils.safe_popen_read(program, "man", "profile")
    (man7/"secretref-keychain-protocol.7").write Utils.safe_popen_read(program, "man", "protocol")
    doc.install Dir["resolvers/keychain/*.md"], "docs"
  end

  def caveats
    <<~EOS
      A gateway starts a profile, not the program itself. To create one:
        secretref-keychain install
      It keeps working after an upgrade. For the settings of a profile, see
        #{homepage}/blob/main/resolvers/keychain/README.md
    EOS
  end

  test do
    program = bin/"secretref-keychain"
    assert_match "secretref-keychain #{version}", shell_output("#{program} --version") unless build.head?
    request = '{"protocolVersion":1,"provider":"keychain","ids":["openai"]}'
    store = "#{program} --store file --folder #{testpath}/secrets"
    pipe_output("#{store} set openai", "sk-demo-1234", 0)
    assert_match '"openai":"sk-demo-1234"', pipe_output(store, request, 0)
  end
end
