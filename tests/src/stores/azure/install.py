"""Microsoft's own clients of Key Vault, for tests/install.py."""

import pathlib
import sys

import install

CLI = "2.91.0"
CLI_SHA256 = "998f2b7812e553520c0f4c7bbb8420487d83f9930711cef335401c1f3fc5e0b6"
REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")


def azure():
    """The folder of Microsoft's Python packages: they judge the stand-in for Entra and Key Vault."""
    folder = install.SERVERS / "azure-keyvault-secrets-4.12.0"
    if not folder.exists():
        if sys.version_info[:2] != (3, 11):
            sys.exit("missing: Python 3.11, for the pinned wheels of Microsoft's clients")
        with install.into(folder) as build:
            install.pip("azure-keyvault-secrets", "install", "--require-hashes", "--only-binary", ":all:",
                        "--target", build, "-r", REQUIREMENTS)
    return folder


def azure_cli():
    """Microsoft's command line, 700 MB; the folder of its Python packages."""
    return install.python_package("azure-cli", CLI, CLI_SHA256)


azure_cli.is_for_benchmarks = True
