# A small part of Homebrew, to run a formula where there is none: ruby homebrew-stub.rb FORMULA BINARY FOLDER.
#
# It is not Homebrew. It builds nothing: `cargo install` copies BINARY, which was built before. It shows only that the
# steps of the formula fit the program: its options, its output and its exit codes.
require "fileutils"
require "open3"
require "pathname"
require "shellwords"

formula, binary, folder = ARGV.map { |path| Pathname(path).expand_path }

module Utils
  def self.safe_popen_read(*command)
    output, status = Open3.capture2(*command.map(&:to_s))
    status.success? ? output : abort("#{command.join(" ")} failed")
  end
end

class Pathname
  remove_method :write

  def write(text)
    dirname.mkpath
    File.write(self, text)
  end

  def install(*sources)
    mkpath
    sources.flatten.each { |source| FileUtils.cp_r(source, self) }
  end
end

class Formula
  KNOWN = [:desc, :homepage, :url, :version, :sha256, :license, :head, :depends_on].freeze
  class << self
    attr_reader :values, :test_steps

    KNOWN.each do |name|
      define_method(name) { |*given| (@values ||= {})[name] = given }
    end

    def test(&steps) = @test_steps = steps
    def inherited(formula) = Formula.const_set(:FOUND, formula)
  end

  attr_reader :prefix, :binary

  def initialize(prefix, binary)
    @prefix = prefix
    @binary = binary
  end

  def bin = prefix/"bin"
  def man1 = prefix/"share/man/man1"
  def man5 = prefix/"share/man/man5"
  def man7 = prefix/"share/man/man7"
  def doc = prefix/"share/doc"
  def testpath = prefix/"test"
  def homepage = self.class.values[:homepage].first
  def version = binary_version[/\d+\.\d+\.\d+/]
  def build = Struct.new(:head?).new(self.class.values[:url].nil?)
  def std_cargo_args(path:) = ["--locked", "--root=#{prefix}", "--path=#{path}"]

  def system(*command)
    abort "unknown step: #{command}" unless command.first(2) == ["cargo", "install"]
    manifest = Pathname(command.grep(/--path=/).first.delete_prefix("--path="))/"Cargo.toml"
    abort "no package in #{manifest}" unless manifest.read.include?("name = \"#{binary.basename}\"")
    bin.install binary
  end

  def generate_completions_from_executable(program, command, shells:)
    shells.each do |shell|
      (prefix/"completions"/shell.to_s).write Utils.safe_popen_read(program, command, shell.to_s)
    end
  end

  def shell_output(command) = Utils.safe_popen_read(*command.shellsplit)

  def pipe_output(command, input, expected)
    output, status = Open3.capture2({}, *command.shellsplit, stdin_data: input, unsetenv_others: true)
    return output if status.exitstatus == expected

    abort "#{command}: exit #{status.exitstatus}, not #{expected}: #{output}"
  end

  def assert_match(words, text)
    text.include?(words) || abort("no #{words} in #{text}")
  end

  private

  def binary_version = Utils.safe_popen_read(binary, "--version")
end

load formula.to_s
found = Formula::FOUND.new(folder, binary)
found.install
abort "no caveats" unless found.caveats.include?(found.homepage)
found.testpath.mkpath
found.instance_exec(&found.class.test_steps)
