#!/usr/bin/env python3
"""Shows the main job: a real OpenBao holds a secret, and a gateway's request for it is answered.

Builds the resolver, fetches OpenBao into target/servers, starts it on this machine alone, stores a secret, writes a
profile, and sends the request as a gateway does: an empty environment, one JSON document on stdin.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import install

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOKEN = "demo-token"
REQUEST = {"protocolVersion": 1, "provider": "vault", "ids": ["providers/openai/apiKey", "providers/mistral/apiKey"]}


def main():
    resolver = build()
    bao = install.openbao()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        command = [bao, "server", "-dev", f"-dev-root-token-id={TOKEN}", f"-dev-listen-address=127.0.0.1:{port}"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"HOME": folder})
        try:
            store(address, "providers/openai", {"apiKey": "sk-demo-1234"})
            token = pathlib.Path(folder) / "token"
            token.write_text(TOKEN)
            profile = pathlib.Path(folder) / "vault.toml"
            profile.write_text(f'#!{resolver} --profile\naddress = "{address}"\ntoken_file = "{token}"\n')
            profile.chmod(0o700)
            request = json.dumps(REQUEST, separators=(",", ":"))
            print(f"\n$ cat vault.toml\n{profile.read_text()}\n$ env -i ./vault.toml <<< '{request}'")
            started = time.perf_counter()
            answer = subprocess.run([profile], input=request, text=True, env={}, capture_output=True, check=True)
            took = (time.perf_counter() - started) * 1000
            print(f"{answer.stdout}\n\nanswered in {took:.1f} ms; one secret is there, the other is not")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def build():
    """The release binary, at the place where cargo says it is."""
    command = ["cargo", "build", "--release", "-p", "secretref-vault", "--message-format=json-render-diagnostics"]
    try:
        built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    except FileNotFoundError:
        sys.exit("missing: a Rust toolchain (https://rustup.rs)")
    except subprocess.CalledProcessError:
        sys.exit("the resolver does not build; see the lines above")
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return next(message["executable"] for message in messages if message.get("executable"))


def free_port():
    with socket.socket() as probe:
        for port in range(18000 + os.getpid() % 8000, 32000):
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    sys.exit("no free port between 18000 and 32000")


def store(address, path, fields):
    body = json.dumps({"data": fields}).encode()
    request = urllib.request.Request(f"{address}/v1/secret/data/{path}", body, {"X-Vault-Token": TOKEN})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(100):
        try:
            return direct.open(request, timeout=5).close()
        except OSError:
            time.sleep(0.1)
    sys.exit("OpenBao did not start within 10 s")


if __name__ == "__main__":
    main()
