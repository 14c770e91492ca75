"""Builds a plugin from a module of Python: python3 build.py SOURCE.py OUT.wasm

COMPONENTIZE_PY names the command of componentize-py; without it the one on PATH. Modules beside the source can be imported. What
they import from `waterwheel_host` is what the plugin asks its host for: a plugin that imports nothing from there has no imports.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SDK = pathlib.Path(__file__).resolve().parent
INTERFACES = ("assets", "clock", "random", "log")
# Not by `ast`: the source may be of a newer Python than the one that runs this.
IMPORTED = re.compile(r"^[ \t]*(?:import|from)[ \t]+(\w+)", re.MULTILINE)
ASKED = re.compile(r"^[ \t]*from[ \t]+waterwheel_host[ \t]+import[ \t]*(\([^)]*\)|[^\n#]*)", re.MULTILINE)


def sources(source):
    """The texts of the source and of the modules beside it that it imports, directly or not."""
    texts, to_read = {}, [source.stem]
    while to_read:
        module = to_read.pop()
        path = source.parent / f"{module}.py"
        if module not in texts and path.is_file():
            texts[module] = path.read_text(encoding="utf-8")
            to_read += IMPORTED.findall(texts[module])
    return texts.values()


def asked_of_host(source):
    """The interfaces that are imported from `waterwheel_host`, in the order of INTERFACES."""
    asked = set()
    for text in sources(source):
        if re.search(r"^[ \t]*import[ \t]+waterwheel_host\b", text, re.MULTILINE):
            sys.exit(f"build.py: write `from waterwheel_host import` and what the plugin needs of {', '.join(INTERFACES)}")
        for names in ASKED.findall(text):
            for name in re.sub(r"#[^\n]*", "", names).strip("() \t").split(","):
                # Of `clock as host_clock` the first word.
                asked.update(name.split()[:1])
    if unknown := asked.difference(INTERFACES):
        sys.exit(f"build.py: waterwheel_host has no {', '.join(sorted(unknown))}: it has {', '.join(INTERFACES)}")
    return [name for name in INTERFACES if name in asked]


def main(source, out):
    source, out = pathlib.Path(source).resolve(), pathlib.Path(out).resolve()
    tool = shutil.which(os.environ.get("COMPONENTIZE_PY", "componentize-py"))
    if tool is None:
        sys.exit("build.py: no componentize-py: COMPONENTIZE_PY names its command")
    asked = asked_of_host(source)
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        # Copied, so that no compiled Python lies beside the source.
        for module in [*source.parent.glob("*.py"), SDK / "waterwheel.py"]:
            shutil.copy(module, work)
        # The module that is the component: the functions, and the side of the interface that the SDK has.
        (work / "plugin_main.py").write_text(f"import {source.stem}\nfrom waterwheel import Functions\n")
        wit, world = SDK.parent / "wit", "plugin"
        if asked:
            (work / "waterwheel_host.py").write_text(f"from wit_world.imports import {', '.join(asked)}\n")
            wit, world = shutil.copytree(wit, work / "wit"), "plugin-that-asks"
            imports = "".join(f"  import {name};\n" for name in asked)
            text = f"package waterwheel:functions@1.0.0;\n\nworld {world} {{\n{imports}  export functions;\n}}\n"
            (wit / "world.wit").write_text(text)
        command = [tool, "-d", wit, "-w", world, "componentize", "plugin_main", "-p", work, "-o", out, "--stub-wasi"]
        sys.exit(subprocess.run(command, cwd=work, stdout=sys.stderr).returncode)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: build.py SOURCE.py OUT.wasm")
    main(*sys.argv[1:])
