"""The bids that the queries read: two files of JSON, made once."""

import os
import shutil
import subprocess
from pathlib import Path

from . import build

# Where the peers live, and perhaps the same bids already.
PEERS = Path(os.environ.get("PEERS_DIR", Path.home() / ".cache/waterwheel-peers"))
PEERS_ROWS = 5_000_000


def bids(rows):
    """The directory with the files."""
    if rows == PEERS_ROWS and (PEERS / "data/parts/p1.json").exists():
        return PEERS / "data/parts"
    directory = build.CACHE / f"bids-{rows}"
    if not directory.exists():
        # Under its name only when it is whole.
        unfinished = directory.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        files = [str(unfinished / name) for name in ("p0.json", "p1.json")]
        subprocess.run([str(build.program("bids")), str(rows), *files], check=True)
        unfinished.rename(directory)
    return directory
