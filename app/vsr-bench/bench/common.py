# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""What the commands share: refusals, progress, processors, medians."""

import argparse
import os
import shutil
import statistics
import sys
import time

from framework import paths

START = time.monotonic()


class Refused(Exception):
    """The measurement cannot be done; one sentence that says what to do."""

    def __init__(self, why, code=1):
        super().__init__(why)
        self.code = code


def progress(text):
    """A line for people, apart from the figures."""
    print(f"[{time.monotonic() - START:5.1f} s] {text}", file=sys.stderr, flush=True)


def processors():
    """(simulator, driver): the two that the busy loops get."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Refused("two processors are needed: the simulated NIC and the driver each fill one")
    return allowed[0], allowed[1]


def check_machine():
    """What every command with whole programs needs."""
    if os.geteuid() != 0:
        raise Refused("hugepages and the simulated host want root: run it as root")
    for program in (paths.VSR_SIM, paths.VSRCTL):
        if not program.exists():
            raise Refused(f"{program} is not built: run devtools/build.sh")
    if not shutil.which(paths.TESTPMD):
        raise Refused("there is no dpdk-testpmd: run devtools/setup.sh")


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
