# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""One doorbell of a VF with a legacy driver: the time from the writer to the device, for each way
in which a doorbell can reach the device. All ways ring the doorbell of the same queue in turn. The
worker of the simulator, on the other processor, takes the time when it has seen the doorbell. The
figures are those of the simulated NIC, which answers as fast as a processor does, unlike a card.

  memory BAR         the guest writes to the mapped doorbell page of the VF, as a guest that has the
                     VF by VFIO; vsrd lets no guest map
  trapped I/O BAR    the guest writes to I/O BAR 0: a vfio-user message to the thread that shows the
                     VF, which writes the doorbell to the VF; on a real machine this is a VM exit
  trapped memory BAR the guest writes to the doorbell in the memory BAR: the same message
  admin queue        the owner of the PF sends an administration command for register queue notify
  trapped, admin     the guest writes to I/O BAR 0, and without LEGACY_NOTIFY_INFO the thread sends
                     a command
  I/O BAR, no trap   as trapped, without the message: the rest of "trapped" is the trap
  legacy window,     two ways that are in no specification, for comparison: all legacy registers in
  register pair      memory of the VF, and one pair of registers for address and data; the owner
                     writes them
"""

import dataclasses
import json

from . import chart
from .common import chart_file, figures, found_by, number, processors, progress, spread
from .side import Turn, good_turns, quiet, warn

# Name of a way in the program: (name for people, writer).
WAYS = {
    "memory": ("memory BAR", "guest"),
    "memory_pf": ("memory BAR of the PF", "owner"),
    "window": ("legacy window", "owner"),
    "pair": ("register pair", "owner"),
    "admin": ("admin queue", "owner"),
    "io_near": ("I/O BAR, no trap", "guest"),
    "bar": ("trapped memory BAR", "guest"),
    "io": ("trapped I/O BAR", "guest"),
    "io_admin": ("trapped, admin queue", "guest"),
}
FIGURES = ("p50_ns", "p99_ns", "held_p50_ns", "held_p99_ns")
# Quotients: each way of a guest over a faster one, and the command alone.
FACTORS = (("io", "memory"), ("bar", "memory"), ("io_admin", "io"), ("admin", "memory"))
ATTEMPTS = 4


def options(parser):
    add = parser.add_argument
    add("--rounds", type=number(1, 1000), default=9, metavar="N",
        help="turns, each with a new NIC (default 9)")
    add("--samples", type=number(10, 500000), default=2000, metavar="N",
        help="doorbells of each way in a turn (default 2000)")
    add("--chart", type=chart_file, metavar="FILE", help="write a chart (.svg or .png)")


@dataclasses.dataclass(kw_only=True)
class Doorbells(Turn):
    """Result of a turn."""

    round_ns: float  # time between two reads of a doorbell by the device's thread
    ways: dict


def turn(samples) -> Doorbells:
    return Doorbells(**found_by("notify", samples))


def rows_of(turns):
    good = good_turns(turns)
    for way, (name, writer) in WAYS.items():
        row = {"way": way, "name": name, "writer": writer}
        figures(row, FIGURES, [turn.ways[way] for turn in good])
        row["distance"] = round(spread([turn.distance for turn in good])[0])
        row["turns"] = len(good)
        yield row


def factors_of(turns):
    """Quotients of medians, turn by turn."""
    good = good_turns(turns)
    for way, over in FACTORS:
        value, low, high = spread([turn.ways[way]["p50_ns"] / turn.ways[over]["p50_ns"]
                                   for turn in good])
        yield {"way": way, "over": over, "factor": round(value, 2),
               "factor_quartiles": [round(low, 2), round(high, 2)]}


def run(args):
    processors()
    turns = []
    for i in range(args.rounds):
        progress(f"turn {i + 1} of {args.rounds}, {args.samples} doorbells of each way")
        turns.append(quiet(turn, ATTEMPTS, args.samples))
    rows, factors = list(rows_of(turns)), list(factors_of(turns))
    round_ns = round(spread([turn.round_ns for turn in good_turns(turns)])[0], 1)
    if args.json:
        print(json.dumps({"simulated": True, "round_ns": round_ns, "rows": rows,
                          "factors": factors}, indent=1))
    else:
        show(rows, factors, round_ns)
    if args.chart:
        chart.times(rows, args.chart)
        progress(f"wrote {args.chart}")
    warn(turns)
    return 0


def show(rows, factors, round_ns):
    print(f"{'WAY':21} {'WRITER':6} {'MEDIAN':>7} {'QUARTILES':>15} {'99%':>8} {'HELD':>7}"
          f" {'HELD 99%':>9} {'DIST':>5}")
    for row in rows:
        low, high = row["p50_ns_quartiles"]
        print(f"{row['name']:21} {row['writer']:6} {row['p50_ns']:7} {f'{low} to {high}':>15}"
              f" {row['p99_ns']:8} {row['held_p50_ns']:7} {row['held_p99_ns']:9}"
              f" {row['distance']:5}")
    print("\nMEDIAN, 99%: ns from the writer to the device, which reads the doorbell every"
          f" {round_ns} ns.\nHELD: ns until the writer goes on. All are figures of the simulator,"
          " not of a card.\n")
    for factor in factors:
        low, high = factor["factor_quartiles"]
        print(f"{WAYS[factor['way']][0]} over {WAYS[factor['over']][0]}:"
              f" {factor['factor']} ({low} to {high})")
