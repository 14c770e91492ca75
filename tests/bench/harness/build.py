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


def program(directory, built=None):
    """A program of the bench; its products lie with the engine's, whose dependencies it shares. `built` is a directory of programs that are
    taken as they are."""
    name = {"udf_call/waterwheel": "udf_call_waterwheel", "udf_call/arrow_udf": "udf_call_arrow_udf"}.get(directory, Path(directory).name)
    if built:
        if not (Path(built) / name).exists():
            raise RuntimeError(f"{built} has no {name}")
        return Path(built) / name
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    return _cargo(BENCH / directory, "--target-dir", str(target))


def plugin(name, built=None):
    """One of the functions' plugins; the directory that it lies in. Raises RuntimeError with the reason where there is no toolchain for them.
    With `built`, one that is there is taken as it is."""
    plugins = CACHE / "plugins"
    file = plugins / f"bench_{name}.wasm"
    if not (built and file.exists()):
        plugin_into(name, file)
    return plugins


def plugin_into(name, file, *options):
    """Builds one of the functions' plugins into a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    script = ROOT / "udf-sdk/toolchain/build-rust"
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    command = [str(script), *options, str(BENCH / "functions" / name), str(file)]
    built = subprocess.run(command, capture_output=True, text=True, env=environment)
    if built.returncode != 0:
        raise RuntimeError(built.stderr.strip().splitlines()[-1])


def component(built=None):
    """The functions as a component, beside the other plugins. Raises RuntimeError with the reason where it cannot be built. `built` as in
    `plugin`."""
    made = CACHE / "plugins/bench_component.wasm"
    if built and made.exists():
        return
    module = CACHE / "component_module.wasm"
    plugin_into("component", module, "--names")
    try:
        componentize = program("udf_call/componentize", built)
    except subprocess.CalledProcessError as error:
        raise RuntimeError("udf_call/componentize does not build") from error
    made.parent.mkdir(parents=True, exist_ok=True)
    ran = subprocess.run([str(componentize), str(module), str(made)], capture_output=True, text=True)
    if ran.returncode != 0:
        raise RuntimeError(ran.stderr.strip().splitlines()[-1])


def _cargo(directory, *options):
    command = ["cargo", "build", "--release", "--message-format", "json-render-diagnostics", *options]
    built = subprocess.run(command, cwd=directory, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return Path([message["executable"] for message in messages if message.get("executable")][-1])
