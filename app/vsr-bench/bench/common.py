# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""What the commands share: refusals, progress, processors, medians."""

import argparse
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
    """The measurement cannot be done; one sentence that says what to do."""

    def __init__(self, why, code=1):
        super().__init__(why)
        self.code = code


def elapsed():
    """Seconds since the command began."""
    return time.monotonic() - START


def progress(text):
    """A line for people, apart from the figures."""
    print(f"[{elapsed():5.1f} s] {text}", file=sys.stderr, flush=True)


def processors():
    """(simulator, driver): the two that the busy loops get."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Refused("two processors are needed: the simulated NIC and the driver each fill one")
    return allowed[0], allowed[1]


def go_first(pid):
    """All threads of a program go before what else wants a processor, as far as we may."""
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            os.setpriority(os.PRIO_PROCESS, int(tid), -20)
        # Where the kernel groups tasks by session, priorities count within one only.
        group = pathlib.Path(f"/proc/{pid}/autogroup")
        if group.exists():
            group.write_text("-20")
    except (PermissionError, FileNotFoundError):
        return


class Weather:
    """How far the two processors are from each other, which on a virtual machine is not for ever.

    The host may move a virtual processor to where a cache line takes three times as long to the
    other one, and with it every figure changes. So each turn knows the distance it ran at.
    """

    NEAR = 1.6  # times the shortest distance seen: still the same place
    best = None

    @classmethod
    def distance(cls) -> int:
        """Cycles that a word takes to the other processor and back."""
        cycles = floor("--distance")["distance"]
        cls.best = cycles if cls.best is None else min(cls.best, cycles)
        return cycles

    @classmethod
    def near(cls, distance):
        return distance <= cls.NEAR * cls.best

    @classmethod
    def alike(cls, a, b):
        return max(a, b) <= cls.NEAR * min(a, b)


def found_by(name, *args) -> dict:
    """What a program beside this one finds, with the same precedence as other busy loops."""
    with subprocess.Popen([program_path(name), *map(str, args)], stdout=subprocess.PIPE,
                          text=True, start_new_session=True) as child:
        go_first(child.pid)
        try:
            said, _ = child.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            raise Refused(f"vsr-bench-{name} does not end") from None
        finally:
            child.kill()
    if child.returncode != 0:
        raise Refused(f"vsr-bench-{name} failed: the reason stands above")
    return json.loads(said)


def floor(*args) -> dict:
    return found_by("floor", "--json", *args)


def program_path(name):
    path = paths.BUILD / "app/vsr-bench" / f"vsr-bench-{name}"
    if not path.exists():
        raise Refused(f"{path} is not built: run devtools/build.sh")
    return path


def check_machine():
    """What every command with whole programs needs."""
    if os.geteuid() != 0:
        raise Refused("hugepages and the simulated host want root: run it as root")
    for program in (paths.VSR_SIM, paths.VSRCTL):
        if not program.exists():
            raise Refused(f"{program} is not built: run devtools/build.sh")
    if not shutil.which(paths.TESTPMD):
        raise Refused("there is no dpdk-testpmd: run devtools/setup.sh")


def figures(row, names, turns, digits=None):
    """Put the median and the quartiles of each figure of the turns into a row, rounded."""
    for name in names:
        middle, low, high = spread([turn[name] for turn in turns])
        row[name] = round(middle, digits)
        row[name + "_quartiles"] = [round(low, digits), round(high, digits)]


def spread(values):
    """Median, and the quartiles around it: a disturbed turn or two do not move them."""
    if len(values) < 3:
        return statistics.median(values), min(values), max(values)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


# ------------------------------------------------------------------ arguments


def some(allowed):
    """A comma-separated choice, in the order given."""
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
