# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""One packet in flight: the time from the moment when the simulated NIC has marked the receive
buffer as used, through dpdk-testpmd, to the moment when the NIC takes the packet from the transmit
ring. The NIC measures the time. net_vsr and net_virtio run in turns: A B A B.
"""

import contextlib
import json

from . import pmd
from .common import Weather, check_machine, figures, number, progress, seconds, some, spread
from .side import Side, good_turns, paired, quiet

WIRE = "gen:size=60,trip=1"
FIGURES = ("p50_ns", "p99_ns")


def options(parser):
    add = parser.add_argument
    add("--profile", type=some(pmd.PROFILES), default=pmd.PROFILES, metavar="LIST",
        help="full,bluefield (default: both)")
    add("--ring", type=some(pmd.RINGS), default=pmd.RINGS, metavar="LIST",
        help="packed,split (default: both)")
    add("--setting", default=None, metavar="TEXT",
        help="settings of net_virtio that contain TEXT (default: those of vsr-bench pmd --quick)")
    add("--vsr", action="append", default=None, metavar="DEVARGS",
        help="device arguments of net_vsr; each --vsr is one more side")
    add("--rounds", type=number(1, 1000), default=5, metavar="N",
        help="turns of each side (default 5)")
    add("--seconds", type=seconds, default=0.3, metavar="S",
        help="length of a turn (default 0.3)")


def measure(profile, ring, args):
    """[(setting, turns)] of one profile and ring."""
    with contextlib.ExitStack() as stack:
        sides = []
        for setting in [*pmd.vsr_settings(profile, args), *pmd.settings(profile, ring, args)]:
            side = Side(setting, profile, ring, queues=1, ring_size=256, nb_vfs=1)
            stack.callback(side.close)
            sides.append(side.start())
        progress(f"{profile}, {ring}, {len(sides)} sides")
        turns = [[] for _ in sides]
        for _ in range(args.rounds):
            for side, done in zip(sides, turns):
                done.append(quiet(side.trips, 4, WIRE, args.seconds))
        return [(side.setting, done) for side, done in zip(sides, turns)]


def rows_of(case, sides):
    for setting, turns in sides:
        good = good_turns(turns)
        row = {**case, "driver": setting.driver, "setting": setting.name}
        figures(row, FIGURES, [vars(turn) for turn in good])
        row["trips"] = sum(turn.trips for turn in good)
        row["distance"] = round(spread([turn.distance for turn in good])[0])
        yield row


def ratios_of(case, sides):
    """net_vsr over the setting of net_virtio with the shortest time, turn by turn."""
    def middle(side, figure):
        return spread([getattr(turn, figure) for turn in good_turns(side[1])])[0]

    others = [side for side in sides if side[0].driver == "net_virtio"]
    for setting, turns in sides:
        if setting.driver != "net_vsr" or not others:
            continue
        ratio = {**case, "setting": setting.name}
        for figure in FIGURES:
            best = min(others, key=lambda side: middle(side, figure))
            value, low, high = spread(paired(turns, best[1], figure))
            ratio[figure] = round(value, 3)
            ratio[figure + "_quartiles"] = [round(low, 3), round(high, 3)]
            ratio[figure + "_against"] = best[0].name
        yield ratio


def run(args):
    check_machine()
    args.quick = True  # only the best settings of net_virtio
    results = []
    for profile in args.profile:
        for ring in args.ring:
            results.append(({"profile": profile, "ring": ring}, measure(profile, ring, args)))
    rows = [row for case, sides in results for row in rows_of(case, sides)]
    ratios = [ratio for case, sides in results for ratio in ratios_of(case, sides)]
    if args.json:
        print(json.dumps({"rows": rows, "ratios": ratios}, indent=1))
    else:
        show(rows, ratios)
    if any(not Weather.near(row["distance"]) for row in rows):
        progress("some rows ran with a long distance between the processors (DIST): compare them"
                 " only with rows of the same distance")
    return 0


def show(rows, ratios):
    print(f"{'PROFILE':9} {'RING':6} {'DRIVER':10} {'SETTING':31} {'MEDIAN':>9} {'99%':>9}"
          f" {'DIST':>5}")
    for row in rows:
        print(f"{row['profile']:9} {row['ring']:6} {row['driver']:10} {row['setting']:31.31}"
              f" {row['p50_ns']:6} ns {row['p99_ns']:6} ns {row['distance']:5}")
    print("\nnet_vsr over the best net_virtio, turn by turn: median (and quartiles)")
    for ratio in ratios:
        print(f"  {ratio['profile']}, {ratio['ring']}, {ratio['setting']}:")
        for figure, text in (("p50_ns", "median"), ("p99_ns", "99%")):
            low, high = ratio[figure + "_quartiles"]
            print(f"    {text:8} {ratio[figure]:6.3f} ({low:.3f} to {high:.3f})"
                  f" against {ratio[figure + '_against']}")
