"""Builds what is measured, out of this repository."""

import json
import os
import subprocess
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent.parent
CACHE = Path(os.environ.get("WATERWHEEL_CACHE", Path.home() / ".cache/waterwheel")) / "bench"


def waterwheel():
    """The product, as users build it."""
    return _cargo(ROOT, "--locked", "-p", "waterwheel", "--bin", "waterwheel")


def program(directory):
    """A program of the bench; its products lie with the engine's, whose dependencies it shares."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    return _cargo(BENCH / directory, "--target-dir", str(target))


def plugin(name):
    """One of the functions' plugins. Raises RuntimeError with the reason where there is no toolchain for them."""
    plugins = CACHE / "plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    script = ROOT / "udf-sdk/toolchain/build-rust"
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    command = [str(script), str(BENCH / "functions" / name), str(plugins / f"bench_{name}.wasm")]
    built = subprocess.run(command, capture_output=True, text=True, env=environment)
    if built.returncode != 0:
        raise RuntimeError(built.stderr.strip().splitlines()[-1])
    return plugins


def _cargo(directory, *options):
    command = ["cargo", "build", "--release", "--message-format", "json-render-diagnostics", *options]
    built = subprocess.run(command, cwd=directory, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return Path([message["executable"] for message in messages if message.get("executable")][-1])
