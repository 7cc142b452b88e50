# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""dpdk-testpmd forwards between two VFs of the simulated NIC, whose generators always have packets:
net_vsr against each setting of DPDK's net_virtio that may be the best one, in turns: A B A B.

One processor runs the worker of the simulator, the other the forwarding loop of testpmd. The main
thread of testpmd sleeps meanwhile. Sizes include the frame check sequence, as in RFC 2544.
"""

import contextlib
import json

from . import chart
from .common import (
    Refused, Weather, chart_file, check_machine, elapsed, figures, number, progress, seconds, some,
    spread,
)
from .side import DISTURBED, Floor, Setting, Side, good_turns, paired, quiet

PROFILES = ("full", "bluefield")
RINGS = ("packed", "split")
SIZES = ("64", "128", "256", "512", "1024", "1518", "imix")

# net_virtio accepts all features that the device offers; "vectorized" is its only option. Features
# select its other paths, so the device of some settings lacks a feature. net_vsr always gets the
# unchanged profile. Packed: vector code needs in_order, and for RX no mrg_rxbuf. Split: neither.
VIRTIO = {
    "packed": [
        Setting("net_virtio", "default"),
        Setting("net_virtio", "vectorized", devargs=",vectorized=1"),
        Setting("net_virtio", "-mrg_rxbuf", off=("mrg_rxbuf",)),
        Setting("net_virtio", "-mrg_rxbuf vectorized", ("mrg_rxbuf",), ",vectorized=1"),
        Setting("net_virtio", "-in_order", off=("in_order",)),
        Setting("net_virtio", "-in_order -mrg_rxbuf", off=("in_order", "mrg_rxbuf")),
    ],
    "split": [
        Setting("net_virtio", "default"),
        Setting("net_virtio", "-mrg_rxbuf", off=("mrg_rxbuf",)),
        Setting("net_virtio", "-in_order", off=("in_order",)),
        Setting("net_virtio", "-in_order -mrg_rxbuf", off=("in_order", "mrg_rxbuf")),
        Setting("net_virtio", "-in_order -mrg_rxbuf vectorized", ("in_order", "mrg_rxbuf"),
                ",vectorized=1"),
    ],
}


# Settings for --quick: those that were the fastest when all were measured.
QUICK = {
    ("full", "packed"): ("-mrg_rxbuf vectorized",),
    ("bluefield", "packed"): ("default", "-mrg_rxbuf"),
    ("full", "split"): ("default", "-in_order -mrg_rxbuf vectorized"),
    ("bluefield", "split"): ("default", "-mrg_rxbuf vectorized"),
}
QUICK_PATIENCE = 30  # seconds after which a quick run repeats no turn
ATTEMPTS = 3
HAS_IN_ORDER = ("full",)
HAS_EVENT_IDX = ("full",)
HELD = "tx_db_delay_us=50"


def options(parser):
    add = parser.add_argument
    add("--quick", action="store_true",
        help="64 bytes, one queue, the best settings of net_virtio: under a minute")
    add("--profile", type=some(PROFILES), default=PROFILES, metavar="LIST",
        help="full,bluefield (default: both)")
    add("--ring", type=some(RINGS), default=RINGS, metavar="LIST",
        help="packed,split (default: both)")
    add("--size", type=some(SIZES), default=None, metavar="LIST",
        help=f"{','.join(SIZES)} (default: all)")
    add("--queues", type=some(("1", "2")), default=None, metavar="LIST",
        help="queue pairs: 1,2 (default: both)")
    add("--setting", default=None, metavar="TEXT",
        help="only settings of net_virtio that contain TEXT")
    add("--vsr", action="append", default=None, metavar="DEVARGS",
        help="device arguments of net_vsr, such as rx_path=packed; each --vsr is one more side")
    add("--ring-size", type=number(64, 1024), default=256, metavar="N",
        help="descriptors per ring, a power of two (default 256)")
    add("--rounds", type=number(1, 1000), default=None, metavar="N",
        help="turns of each side (default 7, quick 5)")
    add("--seconds", type=seconds, default=None, metavar="S",
        help="length of a turn (default 0.4, quick 0.2)")
    add("--chart", type=chart_file, metavar="FILE", help="write a chart (.svg or .png)")


# ------------------------------------------------------------------ settings


def settings(profile, ring, args):
    """The settings of net_virtio that differ on this profile."""
    for setting in VIRTIO[ring]:
        if profile not in HAS_IN_ORDER:
            # The profile has no in_order: without it these settings are the same as others.
            if setting.off == ("in_order",) or (ring == "packed" and setting.devargs):
                continue
            off = tuple(name for name in setting.off if name != "in_order")
            name = setting.name.replace("-in_order ", "")
            if setting.off != off and any(s.name == name for s in VIRTIO[ring]):
                continue
            setting = Setting(setting.driver, name, off, setting.devargs)
        if args.setting is not None and args.setting not in setting.name:
            continue
        if args.quick and args.setting is None and setting.name not in QUICK[profile, ring]:
            continue
        yield setting


def vsr_settings(profile, args):
    """The settings in the arguments; else the default, and delayed doorbells for a profile without
    event index."""
    usual = ["", HELD] if profile not in HAS_EVENT_IDX else [""]
    for devargs in args.vsr or usual:
        yield Setting("net_vsr", devargs or "default", devargs="," + devargs if devargs else "")


# ------------------------------------------------------------------ measuring


def measure(profile, ring, queues, sizes, args, results):
    """Start one NIC per side; then, for each size, measure all sides in rounds of one turn each."""
    chosen = [*vsr_settings(profile, args), *settings(profile, ring, args)]
    with contextlib.ExitStack() as stack:
        sides = []
        for setting in chosen:
            side = Side(setting, profile, ring, queues, args.ring_size)
            stack.callback(side.close)
            sides.append(side.start())
        if ring == "packed" and queues == 1:
            sides.append(Floor())
        for size in sizes:
            case = {"profile": profile, "ring": ring,
                    "size": int(size) if size.isdecimal() else size, "queues": queues}
            progress(f"{title(case)}, {len(sides)} sides")
            turns = [[] for _ in sides]
            for _ in range(args.rounds):
                for side, done in zip(sides, turns):
                    patient = not args.quick or elapsed() < QUICK_PATIENCE
                    done.append(quiet(side.turn, ATTEMPTS if patient else 1, wire(size),
                                      args.seconds))
            results.append((case, [(side.setting, side.path, done)
                                   for side, done in zip(sides, turns)]))


def title(case):
    size = "IMIX" if case["size"] == "imix" else f"{case['size']} bytes"
    return (f"{case['profile']}, {case['ring']}, {case['queues']}"
            f" queue{'s' * (case['queues'] > 1)}, {size}")


def wire(size):
    return f"gen:flows=64,size={'imix' if size == 'imix' else int(size) - 4}"


# ------------------------------------------------------------------ figures

FLOOR = "(floor)"
FIGURES = ("mpps", "cycles_per_packet", "doorbells_per_1000", "sim_busy")


def rows_of(case, sides):
    for setting, path, turns in sides:
        row = {**case, "driver": setting.driver, "setting": setting.name, "path": path}
        good = good_turns(turns)
        figures(row, FIGURES, [vars(turn) for turn in good], 3)
        row["turns"] = len(good)
        row["disturbed"] = round(max(turn.disturbed for turn in good), 4)
        row["distance"] = round(spread([turn.distance for turn in good])[0])
        yield row


def ratios_of(case, sides):
    """net_vsr over the setting of net_virtio that is best in the figure, turn by turn; and busy
    cycles of net_vsr over cycles of the floor."""
    def middle(side, figure):
        return spread([getattr(turn, figure) for turn in good_turns(side[2])])[0]

    def put(ratio, name, ours, theirs, figure):
        value, low, high = spread(paired(ours[2], theirs[2], figure))
        ratio[name] = round(value, 3)
        ratio[name + "_quartiles"] = [round(low, 3), round(high, 3)]
        ratio[name + "_against"] = theirs[0].name

    others = [side for side in sides if side[0].driver == "net_virtio"]
    floors = [side for side in sides if side[0].driver == FLOOR]
    for ours in sides:
        if ours[0].driver != "net_vsr":
            continue
        ratio = {**case, "setting": ours[0].name}
        for figure, best in (("mpps", max), ("cycles_per_packet", min),
                             ("doorbells_per_1000", min)) if others else ():
            theirs = best(others, key=lambda side: middle(side, figure))
            put(ratio, figure, ours, theirs, figure)
        for floor in floors:
            put(ratio, "floor", ours, floor, "cycles_per_packet")
        yield ratio


# ------------------------------------------------------------------ the command


def run(args):
    check_machine()
    if args.ring_size & (args.ring_size - 1):
        raise Refused(f"--ring-size {args.ring_size} is not a power of two", 2)
    args.rounds = args.rounds or (5 if args.quick else 7)
    args.seconds = args.seconds or (0.2 if args.quick else 0.4)
    sizes = args.size or (("64",) if args.quick else SIZES)
    queues = args.queues or (("1",) if args.quick else ("1", "2"))
    results = []
    for profile in args.profile:
        for ring in args.ring:
            for nb in queues:
                measure(profile, ring, int(nb), sizes, args, results)
    rows = [row for case, sides in results for row in rows_of(case, sides)]
    ratios = [ratio for case, sides in results for ratio in ratios_of(case, sides)]
    if args.json:
        print(json.dumps({"rows": [row for row in rows if row["driver"] != FLOOR],
                          "ratios": ratios,
                          "floor": [row for row in rows if row["driver"] == FLOOR]}, indent=1))
    else:
        show(rows, ratios)
    if args.chart:
        chart.draw(rows, args.chart)
        progress(f"wrote {args.chart}")
    worst = max(row["disturbed"] for row in rows)
    if worst > DISTURBED:
        progress(f"other programs took up to {100 * worst:.0f}% of a turn: repeat this on a quiet"
                 " machine")
    if any(not Weather.near(row["distance"]) for row in rows):
        progress(f"rows with a DIST well above {Weather.best:.0f} ran with a long distance between"
                 " the processors: compare them only with rows of the same distance")
    return 0


def show(rows, ratios):
    print(f"{'PROFILE':9} {'RING':6} {'SIZE':>4} {'Q':>1} {'DRIVER':10} {'SETTING':31} {'MPPS':>6}"
          f" {'CYCLES':>6} {'PER1000':>7} {'BUSY':>4} {'DIST':>4}")
    for row in rows:
        print(f"{row['profile']:9} {row['ring']:6} {row['size']:>4} {row['queues']} "
              f"{row['driver']:10} {row['setting']:31.31} {row['mpps']:6.2f} "
              f"{row['cycles_per_packet']:6.1f} {row['doorbells_per_1000']:7.1f} "
              f"{100 * row['sim_busy']:3.0f}% {row['distance']:4}")
    print("\nCYCLES: busy cycles per packet forwarded. PER1000: doorbells per 1000 packets.\n"
          "BUSY: share of the time that the simulator was busy. DIST: cycles for a word to the"
          " other\ncore and back.\n\nPaths, as the drivers name them:")
    paths = dict.fromkeys((row["driver"], row["ring"], row["setting"], row["path"])
                          for row in rows if row["driver"] != FLOOR)
    for driver, ring, setting, path in paths:
        print(f"  {driver}, {ring}, {setting}: {path}")
    print("\nnet_vsr over the best net_virtio, turn by turn: median (and quartiles)")
    for ratio in ratios:
        print(f"  {title(ratio)}, {ratio['setting']}:")
        for figure, text in (("mpps", "throughput"), ("cycles_per_packet", "cycles"),
                             ("doorbells_per_1000", "doorbells"), ("floor", "cycles")):
            if figure in ratio:
                low, high = ratio[figure + "_quartiles"]
                print(f"    {text:10} {ratio[figure]:6.3f} ({low:.3f} to {high:.3f})"
                      f" against {ratio[figure + '_against']}")
