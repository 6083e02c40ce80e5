"""Microsoft's own clients of Key Vault, for tests/install.py."""

import pathlib
import sys

import install

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
