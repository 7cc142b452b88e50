# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Administration commands of a PF's owner to its VFs, through lib/virtio and one admin queue:
commands per second and the time of each, one at a time and with several outstanding, to 1, 16, 64
or 256 VFs in turn. The simulated NIC uses one processor, the owner the other. The figures are not
those of a card: the simulated device answers as fast as a processor does.
"""

import dataclasses
import json

from .common import figures, found_by, number, processors, progress, some, spread
from .side import Turn, good_turns, quiet, warn

COUNTS = ("1", "16", "64", "256")
FIGURES = ("per_second", "p50_ns", "p99_ns")
ATTEMPTS = 4


def options(parser):
    add = parser.add_argument
    add("--vfs", type=some(COUNTS), default=COUNTS, metavar="LIST",
        help=f"{','.join(COUNTS)} (default: all)")
    add("--depth", type=number(1, 64), default=0, metavar="N",
        help="commands outstanding, besides one at a time (default: as many as the queue holds)")
    add("--commands", type=number(10, 1000000), default=2000, metavar="N",
        help="commands of each kind, number of VFs and depth in a turn (default 2000)")
    add("--rounds", type=number(1, 1000), default=9, metavar="N",
        help="turns, each with a new NIC (default 9)")


@dataclasses.dataclass(kw_only=True)
class Commands(Turn):
    """Result of a turn."""

    rows: list


def turn(args) -> Commands:
    return Commands(**found_by("admin", args.commands, args.depth, *args.vfs))


def rows_of(turns):
    good = good_turns(turns)
    for same in zip(*(turn.rows for turn in good)):
        row = {name: same[0][name] for name in ("command", "vfs", "depth")}
        figures(row, FIGURES, same)
        row["distance"] = round(spread([turn.distance for turn in good])[0])
        row["turns"] = len(good)
        yield row


def run(args):
    processors()
    turns = []
    for i in range(args.rounds):
        progress(f"turn {i + 1} of {args.rounds}, {args.commands} commands of each")
        turns.append(quiet(turn, ATTEMPTS, args))
    rows = list(rows_of(turns))
    if args.json:
        print(json.dumps({"simulated": True, "rows": rows}, indent=1))
    else:
        show(rows)
    warn(turns)
    return 0


def show(rows):
    print(f"{'COMMAND':24} {'VFS':>4} {'DEPTH':>5} {'PER SECOND':>10} {'MEDIAN':>9} {'99%':>9}"
          f" {'DIST':>5}")
    for row in rows:
        print(f"{row['command']:24} {row['vfs']:4} {row['depth']:5} {row['per_second']:10}"
              f" {row['p50_ns']:6} ns {row['p99_ns']:6} ns {row['distance']:5}")
    print("\nMEDIAN, 99%: time from before a command is sent until its sender has the answer."
          "\nAll are figures of the simulator, not of a card.")
