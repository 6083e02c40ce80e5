//! The variables that decide which code a program loads or runs, or whom it trusts. All who can write a secret could otherwise
//! run code as the person who reads it, or read what that person sends.

/// Whether a variable is one of them.
pub(super) fn is_code(name: &str) -> bool {
    // npm reads its names in small letters, and curl those of proxies.
    let name = name.to_ascii_uppercase();
    let begins = || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let ends = || SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
    NAMES.contains(&name.as_str()) || (begins() || ends()) && !is_credential(&name)
}

/// Whether a name with one of the beginnings is that of a credential.
fn is_credential(name: &str) -> bool {
    let of_git = || name.starts_with("GIT_") && (name.ends_with("TOKEN") || name.ends_with("PASSWORD"));
    let of_cargo = |name: &str| name.starts_with("CARGO_REGISTRIES_") && name.ends_with("_TOKEN");
    of_git() || name == "CARGO_REGISTRY_TOKEN" || of_cargo(name)
}

/// Beginnings of names.
const PREFIXES: [&str; 17] = [
    // What loaders and shells read.
    "LD_",
    "DYLD_",
    "BASH_FUNC_",
    // What interpreters and their tools read.
    "PYTHON",
    "PERL5",
    "PERL_M",
    "LUA_INIT",
    "LUA_PATH",
    "LUA_CPATH",
    "NPM_CONFIG_",
    "CORECLR_",
    "COR_PROFILER",
    // What compilers and tools of programmers read.
    "GIT_",
    "CARGO_",
    "RUSTC",
    "RUSTUP_",
    "TF_CLI_",
];

/// Ends of names: programs that another program starts.
const SUFFIXES: [&str; 4] = ["_ASKPASS", "_BROWSER", "_EDITOR", "_PAGER"];

/// Whole names.
const NAMES: &[&str] = &[
    // Where programs and their files are found.
    "PATH",
    "HOME",
    "SHELL",
    "CDPATH",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
    "XDG_DATA_DIRS",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    // What a shell runs or how it splits words.
    "IFS",
    "ENV",
    "BASH_ENV",
    "BASH_LOADABLES_PATH",
    "BASHOPTS",
    "SHELLOPTS",
    "FCEDIT",
    "FPATH",
    "INPUTRC",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "PROMPT_COMMAND",
    "ZDOTDIR",
    // What the C library and other libraries load.
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "LOCPATH",
    "NLSPATH",
    "HOSTALIASES",
    "OPENSSL_CONF",
    "OPENSSL_CONF_INCLUDE",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "GDK_PIXBUF_MODULE_FILE",
    "GIO_EXTRA_MODULES",
    "GIO_MODULE_DIR",
    "GTK_MODULES",
    "GTK_PATH",
    "QT_PLUGIN_PATH",
    // What interpreters load.
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_REPL_EXTERNAL_MODULE",
    "PERLLIB",
    "PERLIO",
    "RUBYLIB",
    "RUBYOPT",
    "RUBYSHELL",
    "GEM_HOME",
    "GEM_PATH",
    "BUNDLE_APP_CONFIG",
    "BUNDLE_GEMFILE",
    "BUNDLE_PATH",
    "BUNDLE_USER_CONFIG",
    "CLASSPATH",
    "JAVA_HOME",
    "JAVA_OPTS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "IBM_JAVA_OPTIONS",
    "OPENJ9_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "GRADLE_OPTS",
    "GRADLE_USER_HOME",
    "MAVEN_ARGS",
    "MAVEN_OPTS",
    "SBT_OPTS",
    "DOTNET_ADDITIONAL_DEPS",
    "DOTNET_ROOT",
    "DOTNET_SHARED_STORE",
    "DOTNET_STARTUP_HOOKS",
    "ERL_AFLAGS",
    "ERL_FLAGS",
    "ERL_ZFLAGS",
    "ELIXIR_ERL_OPTIONS",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "PSMODULEPATH",
    "R_PROFILE",
    "R_PROFILE_USER",
    "TCLLIBPATH",
    "EMACSLOADPATH",
    "EXINIT",
    "GVIMINIT",
    "VIMINIT",
    "VIMRUNTIME",
    // What compilers and tools of programmers run.
    "CC",
    "CXX",
    "CPP",
    "AR",
    "COMPILER_PATH",
    "GCC_EXEC_PREFIX",
    "GNUMAKEFLAGS",
    "MAKEFILES",
    "MAKEFLAGS",
    "MFLAGS",
    "GOENV",
    "GOFLAGS",
    "GOINSECURE",
    "GONOSUMDB",
    "GOPATH",
    "GOROOT",
    "GOSUMDB",
    "GOTOOLCHAIN",
    "RUSTDOC",
    "RUSTFLAGS",
    "ANSIBLE_CONFIG",
    "PIP_CONFIG_FILE",
    "YARN_PLUGINS",
    "YARN_RC_FILENAME",
    "YARN_YARN_PATH",
    // What programs start.
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "LESS",
    "LESSCLOSE",
    "LESSEDIT",
    "LESSKEY",
    "LESSKEYIN",
    "LESSKEY_CONTENT",
    "LESSOPEN",
    "BROWSER",
    // They can name a program that prints credentials.
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    // Where programs send what they have, and whom they trust.
    "KUBECONFIG",
    "DOCKER_CONFIG",
    "DOCKER_HOST",
    "GNUPGHOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "AWS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "CURL_HOME",
    "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "NETRC",
    "NIX_SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SSLKEYLOGFILE",
    "WGETRC",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_decides_code_or_trust_unless_it_is_that_of_a_credential() {
        let code = "LD_PRELOAD PATH BASH_FUNC_x npm_config_script_shell https_proxy PERLLIB PERL5LIB PERL_MM_OPT MAKEFLAGS \
                    PYTHONUSERBASE PYTHONBREAKPOINT PYTHONPATH GIT_DIR GIT_EXTERNAL_DIFF GIT_ASKPASS GIT_CONFIG_VALUE_0 GOFLAGS \
                    RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTFLAGS CARGO_HOME CARGO_BUILD_RUSTC_WRAPPER \
                    CARGO_REGISTRIES_X_CREDENTIAL_PROVIDER LUA_INIT LUA_INIT_5_4 GEM_HOME BASH_LOADABLES_PATH FPATH LESSCLOSE \
                    NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED SSL_CERT_DIR SSL_CERT_FILE CURL_CA_BUNDLE \
                    REQUESTS_CA_BUNDLE CURL_HOME AWS_PAGER SYSTEMD_EDITOR SUDO_ASKPASS";
        for name in code.split_whitespace() {
            assert!(is_code(name), "{name}");
        }
        let others = "OPENAI_API_KEY GIT_TOKEN GIT_PASSWORD GITHUB_TOKEN CARGO_REGISTRY_TOKEN CARGO_REGISTRIES_MY_OWN_TOKEN \
                      LDAP_PASSWORD PERLA_KEY LESSON_KEY NODE_AUTH_TOKEN GOOGLE_API_KEY MAKE_API_KEY PAGERDUTY_TOKEN";
        for name in others.split_whitespace() {
            assert!(!is_code(name), "{name}");
        }
    }
}
