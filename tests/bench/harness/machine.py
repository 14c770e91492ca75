"""What the operating system knows: this machine, and what processes have used. From /proc, so only on Linux."""

import os
import subprocess
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def describe():
    """One line on the machine and what is measured."""
    model = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()
    name = model[0] if model else "unknown processor"
    return f"{os.cpu_count()} x {name}, load {os.getloadavg()[0]:.1f}, commit {commit or 'unknown'}."


class Process:
    """A process and all that it started, as they are now."""

    def __init__(self, pid):
        self.pid = pid

    def cpu_s(self):
        """Seconds of CPU, in user and kernel, that the tree has used so far; ended children count in their parents."""
        # Fields 14 to 17 of stat, counted from 1; field 3 is the first behind the name, which may hold spaces.
        return sum(int(field) for stat in self._stats() for field in stat[11:15]) / TICKS

    def rss_mib(self):
        """Resident memory of the tree now."""
        return sum(_status(pid, "VmRSS") for pid in self._pids()) / 1024

    def _pids(self):
        return _tree(self.pid)[0]

    def _stats(self):
        return _tree(self.pid)[1]


def _tree(root):
    stats, children = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue  # ended meanwhile
            stats[int(entry)] = stat
            children.setdefault(int(stat[1]), []).append(int(entry))
    pids, todo = [], [root]
    while todo:
        pid = todo.pop()
        if pid in stats:
            pids.append(pid)
            todo += children.get(pid, [])
    return pids, [stats[pid] for pid in pids]


def _status(pid, field):
    """A figure of /proc/PID/status in KiB; 0 when the process has ended."""
    try:
        lines = Path("/proc", str(pid), "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field + ":")), 0)
