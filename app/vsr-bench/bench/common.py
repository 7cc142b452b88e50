# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Parts that the commands share: errors, progress, processors, medians."""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from framework import paths

START = time.monotonic()


class Refused(Exception):
    """The measurement cannot be done. The text is one sentence with the remedy."""

    def __init__(self, text, code=1):
        super().__init__(text)
        self.code = code


def elapsed():
    """Seconds since the command began."""
    return time.monotonic() - START


def progress(text):
    """Print a line on stderr. The figures go to stdout."""
    print(f"[{elapsed():5.1f} s] {text}", file=sys.stderr, flush=True)


def processors():
    """(processor of the simulator, processor of the driver)."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Refused("two processors are needed: the simulated NIC and the driver use one each")
    return allowed[0], allowed[1]


def go_first(pid):
    """Give all threads of a program the highest priority, if this process is allowed to."""
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(ProcessLookupError):  # a thread that has ended
                os.setpriority(os.PRIO_PROCESS, int(tid), -20)
        # With autogroups, nice values count within a session only, and a session has its own.
        group = pathlib.Path(f"/proc/{pid}/autogroup")
        if group.exists():
            group.write_text("-20")
    except (PermissionError, FileNotFoundError):
        return


class Weather:
    """The distance between the two processors, which may change on a virtual machine.

    The hypervisor may move a virtual processor so that a cache line takes three times as long to
    the other processor. This changes every figure, so each turn records its distance. """

    NEAR = 1.6  # distances up to this multiple of the shortest one count as equal
    best = None
    last = 0

    @classmethod
    def distance(cls) -> int:
        """Cycles for a word to the other processor and back."""
        cycles = cls.last = floor("--distance")["distance"]
        cls.best = cycles if cls.best is None else min(cls.best, cycles)
        return cycles

    @classmethod
    def near(cls, distance):
        return distance <= cls.NEAR * cls.best

    @classmethod
    def alike(cls, a, b):
        return max(a, b) <= cls.NEAR * min(a, b)


def found_by(name, *args) -> dict:
    """Run a program of vsr-bench with the highest priority. Returns the JSON that it prints."""
    with subprocess.Popen([program_path(name), *map(str, args)], stdout=subprocess.PIPE,
                          text=True, start_new_session=True) as child:
        go_first(child.pid)
        try:
            output, _ = child.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            raise Refused(f"vsr-bench-{name} did not end in 60 s") from None
        finally:
            child.kill()
    if child.returncode != 0:
        raise Refused(f"vsr-bench-{name} failed (see above)")
    return json.loads(output)


def floor(*args) -> dict:
    return found_by("floor", "--json", *args)


def program_path(name):
    path = paths.BUILD / "app/vsr-bench" / f"vsr-bench-{name}"
    if not path.exists():
        raise Refused(f"{path} is not built: run devtools/build.sh")
    return path


def check_machine():
    """Check for root and for the programs that are measured."""
    if os.geteuid() != 0:
        raise Refused("hugepages and the simulated host need root: run vsr-bench as root")
    for program in (paths.VSR_SIM, paths.VSRCTL):
        if not program.exists():
            raise Refused(f"{program} is not built: run devtools/build.sh")
    if not shutil.which(paths.TESTPMD):
        raise Refused("dpdk-testpmd is not installed: run devtools/setup.sh")


def figures(row, names, turns, digits=None):
    """Add the rounded median and quartiles of each figure of the turns to a row."""
    for name in names:
        middle, low, high = spread([turn[name] for turn in turns])
        row[name] = round(middle, digits)
        row[name + "_quartiles"] = [round(low, digits), round(high, digits)]


def spread(values):
    """(median, lower quartile, upper quartile). A few disturbed turns hardly change them."""
    if len(values) < 3:
        return statistics.median(values), min(values), max(values)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


# ------------------------------------------------------------------ arguments


def some(allowed):
    """Parser of a comma-separated list. Keeps the order."""
    def parse(text):
        words = tuple(text.split(","))
        for word in words:
            if word not in allowed:
                raise argparse.ArgumentTypeError(f"{word!r} is not one of {', '.join(allowed)}")
        return words
    return parse


def chart_file(text):
    if not text.endswith((".svg", ".png")):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .svg or .png")
    return text


def number(low, high):
    def parse(text):
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
        return int(text)
    return parse


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0.05 <= value <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time from 0.05 to 600 seconds")
    return value
