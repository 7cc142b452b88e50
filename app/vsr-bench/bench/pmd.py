# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""dpdk-testpmd forwards on two VFs of the simulated NIC, whose generators always have packets:
net_vsr against each setting of DPDK's net_virtio that may be the best one, in turns: A B A B.

The kind device completes in order and looks at the rings until they are empty. The hard device
completes in another order (unless a driver accepted IN_ORDER) and sees only announced buffers.
Then the generators keep a rate, a part of the highest one at which the best setting of net_virtio
loses nothing: drops, and the time from RX to TX of one packet in a thousand.

Cycles are those of all calls of burst functions, except RX calls that only looked: that returned
nothing, touched no pool, and took no longer than a poll of a silent wire and one word from the
other processor.

One processor runs the worker of the simulator, the other the forwarding loop of testpmd. The main
thread of testpmd sleeps meanwhile. Sizes include the frame check sequence, as in RFC 2544.
"""

import contextlib
import functools
import json

from . import chart, table
from .common import (
    Refused, Weather, chart_file, check_machine, elapsed, figures, number, progress, seconds, some,
    spread,
)
from .side import DEVICES, DISTURBED, RUN, Floor, Setting, Side, good_turns, paired, quiet

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
RATES = ("50", "80", "95")  # per cent of the rate at which net_virtio loses nothing
TRIES = 5
SEARCH = (0.1, 1, 6)  # lowest and highest part of net_virtio's throughput, number of steps
HAS_IN_ORDER = ("full",)
HAS_EVENT_IDX = ("full",)
HELD = "tx_db_delay_us=50"


def options(parser):
    add = parser.add_argument
    add("--quick", action="store_true",
        help="64 bytes, one queue, the best settings of net_virtio, the hard device only"
             " on bluefield, and one rate there: about a minute")
    add("--device", type=some(tuple(DEVICES)), default=None, metavar="LIST",
        help="kind,hard (default: both)")
    add("--profile", type=some(PROFILES), default=PROFILES, metavar="LIST",
        help="full,bluefield (default: both)")
    add("--ring", type=some(RINGS), default=RINGS, metavar="LIST",
        help="packed,split (default: both)")
    add("--size", type=some(SIZES), default=None, metavar="LIST",
        help=f"{','.join(SIZES)} (default: all)")
    add("--queues", type=some(("1", "2")), default=None, metavar="LIST",
        help="queue pairs: 1,2 (default: both)")
    add("--rate", type=some((*RATES, "none")), default=None, metavar="LIST",
        help="per cent of the rate at which net_virtio loses nothing: 50,80,95 (default: all), or"
             " none")
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
    add("--table", metavar="FILE", help="write the tables of doc/datapath.rst")
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


def rounds(sides, args, turn):
    """Turns of all sides, A B A B: a list for each side."""
    turns = [[] for _ in sides]
    for _ in range(args.rounds):
        for side, done in zip(sides, turns):
            patient = not args.quick or elapsed() < QUICK_PATIENCE
            done.append(quiet(turn(side), ATTEMPTS if patient else 1))
    return turns


def loses_nothing(side, size, pps):
    """In one of some short runs: a pause of a processor loses packets at any rate."""
    return any(not side.paced(wire(size), pps, RUN).drops for _ in range(TRIES))


def lossless(side, size, mpps):
    """The highest rate, packets per second of a VF, at which this side loses nothing."""
    low, high, steps = (SEARCH[0] * mpps * 5e5, SEARCH[1] * mpps * 5e5, SEARCH[2])
    for _ in range(steps):
        at = (low + high) / 2
        low, high = (at, high) if loses_nothing(side, size, at) else (low, at)
    return low


def measure(device, profile, ring, queues, sizes, args, results):
    """Start one NIC per side; then, for each size, measure all sides in rounds of one turn each."""
    chosen = [*vsr_settings(profile, args), *settings(profile, ring, args)]
    with contextlib.ExitStack() as stack:
        sides = []
        for setting in chosen:
            side = Side(setting, profile, ring, queues, args.ring_size, device=device)
            stack.callback(side.close)
            sides.append(side.start())
        floors = [Floor()] if ring == "packed" and queues == 1 and device == "kind" else []
        for size in sizes:
            case = {"device": device, "profile": profile, "ring": ring,
                    "size": int(size) if size.isdecimal() else size, "queues": queues}
            progress(f"{title(case)}, {len(sides)} sides")
            turns = rounds([*sides, *floors], args, lambda side: functools.partial(
                side.turn, wire(size), args.seconds))
            found = [(side.setting, side.path, done)
                     for side, done in zip([*sides, *floors], turns)]
            results.append((case, found))
            if size == "64" and queues == 1:
                measure_rates(case, sides, found, args, results)


def measure_rates(case, sides, found, args, results):
    """Rows at fixed rates, of all sides."""
    others = [(middle(done, "mpps"), side) for side, (setting, _, done) in zip(sides, found)
              if setting.driver == "net_virtio"]
    rates = args.rate or (RATES if not args.quick else ("80",) * (case["device"] == "hard"))
    rates = tuple(rate for rate in rates if rate != "none")
    if not others or not rates:
        return
    mpps, best = max(others, key=lambda other: other[0])
    pps = lossless(best, case["size"], mpps)
    for rate in rates:
        limited = {**case, "rate": int(rate), "rate_mpps": round(2 * pps * int(rate) / 1e8, 3)}
        progress(f"{title(limited)}, {len(sides)} sides")
        part = pps * int(rate) / 100
        turns = rounds(sides, args, lambda side: functools.partial(
            side.paced, wire(case["size"]), part, args.seconds))
        results.append((limited, [(side.setting, side.path, done)
                                  for side, done in zip(sides, turns)]))


def title(case):
    size = "IMIX" if case["size"] == "imix" else f"{case['size']} bytes"
    rate = f", {case['rate']} % ({case['rate_mpps']:.2f} Mpps)" if "rate" in case else ""
    return (f"{case['device']} device, {case['profile']}, {case['ring']}, {case['queues']}"
            f" queue{'s' * (case['queues'] > 1)}, {size}{rate}")


def wire(size):
    return f"gen:flows=64,size={'imix' if size == 'imix' else int(size) - 4}"


# ------------------------------------------------------------------ figures

FLOOR = "(floor)"
FIGURES = ("mpps", "cycles_per_packet", "doorbells_per_1000", "sim_busy", "hidden_per_packet")
RATE_FIGURES = ("drops_per_million", "p50_ns", "p99_ns")
BEST = {"mpps": max, "cycles_per_packet": min, "doorbells_per_1000": min}
RATE_BEST = {"cycles_per_packet": min, "p50_ns": min, "p99_ns": min}


def middle(turns, figure):
    return spread([getattr(turn, figure) for turn in good_turns(turns)])[0]


def rows_of(case, sides):
    for setting, path, turns in sides:
        row = {**case, "driver": setting.driver, "setting": setting.name, "path": path}
        good = good_turns(turns)
        names = FIGURES + RATE_FIGURES if "rate" in case else FIGURES
        figures(row, names, [{name: getattr(turn, name) for name in names} for turn in good], 3)
        if "rate" in case:
            row["drops"] = sum(turn.drops for turn in good)
            row["offered"] = sum(turn.offered for turn in good)
            row["runs"] = sum(turn.runs for turn in good)
        row["turns"] = len(good)
        row["disturbed"] = round(max(turn.disturbed for turn in good), 4)
        row["distance"] = round(spread([turn.distance for turn in good])[0])
        yield row


def ratios_of(case, sides):
    """net_vsr over the setting of net_virtio that is best in the figure, turn by turn; and busy
    cycles of net_vsr over cycles of the floor."""
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
        for figure, best in (RATE_BEST if "rate" in case else BEST).items() if others else ():
            theirs = best(others, key=lambda side: middle(side[2], figure))
            put(ratio, figure, ours, theirs, figure)
        for floor in floors:
            put(ratio, "floor", ours, floor, "cycles_per_packet")
        yield ratio


# ------------------------------------------------------------------ the command


def run(args):
    check_machine()
    if args.ring_size & (args.ring_size - 1):
        raise Refused(f"--ring-size {args.ring_size} is not a power of two", 2)
    args.rounds = args.rounds or (3 if args.quick else 7)
    args.seconds = args.seconds or (0.2 if args.quick else 0.4)
    sizes = args.size or (("64",) if args.quick else SIZES)
    queues = args.queues or (("1",) if args.quick else ("1", "2"))
    results = []
    for device in args.device or tuple(DEVICES):
        for profile in args.profile:
            if args.quick and not args.device and device == "hard" and profile in HAS_IN_ORDER:
                continue  # Both drivers accept IN_ORDER, and the device keeps the order.
            for ring in args.ring:
                for nb in queues:
                    measure(device, profile, ring, int(nb), sizes, args, results)
    rows = [row for case, sides in results for row in rows_of(case, sides)]
    ratios = [ratio for case, sides in results for ratio in ratios_of(case, sides)]
    if args.json:
        print(json.dumps({"rows": [row for row in rows if row["driver"] != FLOOR],
                          "ratios": ratios,
                          "floor": [row for row in rows if row["driver"] == FLOOR]}, indent=1))
    else:
        show(rows, ratios)
    if args.table:
        table.write([row for row in rows if row["driver"] != FLOOR], ratios, args.table)
        progress(f"wrote {args.table}")
    if args.chart:
        chart.draw(rows, args.chart)
        progress(f"wrote {args.chart}")
    worst = max(row["disturbed"] for row in rows)
    if worst > DISTURBED:
        progress(f"other programs took up to {100 * worst:.0f}% of a turn: repeat this on a quiet"
                 " machine")
    if any(row.get("runs") == 0 for row in rows):
        progress("rows with 0 RUNS: in each run the machine paused so long that any driver may lose"
                 " packets, so their DROPS say little")
    if any(not Weather.near(row["distance"]) for row in rows):
        progress(f"rows with a DIST well above {Weather.best:.0f} ran with a long distance between"
                 " the processors: compare them only with rows of the same distance")
    return 0


def show(rows, ratios):
    full = [row for row in rows if "rate" not in row]
    limited = [row for row in rows if "rate" in row]
    print(f"{'DEV':4} {'PROFILE':9} {'RING':6} {'SIZE':>4} {'Q':>1} {'DRIVER':10} {'SETTING':25}"
          f" {'MPPS':>6} {'CYCLES':>6} {'HIDDEN':>6} {'PER1000':>7} {'BUSY':>4} {'DIST':>4}")
    for row in full:
        print(f"{row['device']:4} {row['profile']:9} {row['ring']:6} {row['size']:>4} "
              f"{row['queues']} {row['driver']:10} {row['setting']:25.25} {row['mpps']:6.2f} "
              f"{row['cycles_per_packet']:6.1f} {row['hidden_per_packet']:6.1f} "
              f"{row['doorbells_per_1000']:7.1f} {100 * row['sim_busy']:3.0f}% "
              f"{row['distance']:4}")
    if limited:
        print(f"\n{'DEV':4} {'PROFILE':9} {'RING':6} {'RATE':>4} {'DRIVER':10} {'SETTING':25}"
              f" {'MPPS':>6} {'DROPS':>8} {'RUNS':>4} {'MEDIAN':>8} {'99%':>8} {'CYCLES':>6}"
              f" {'PER1000':>7}")
    for row in limited:
        print(f"{row['device']:4} {row['profile']:9} {row['ring']:6} {row['rate']:3}% "
              f"{row['driver']:10} {row['setting']:25.25} {row['mpps']:6.2f} "
              f"{row['drops_per_million']:8.1f} {row['runs']:4} "
              f"{row['p50_ns']:5.0f} ns {row['p99_ns']:5.0f} ns "
              f"{row['cycles_per_packet']:6.1f} {row['doorbells_per_1000']:7.1f}")
    print("\nCYCLES: cycles per packet forwarded of all calls of burst functions that did work.\n"
          "HIDDEN: those of them in polls without packets. PER1000: doorbells per 1000 packets.\n"
          "BUSY: share of the time that the simulator was busy. DIST: cycles for a word to the"
          " other\ncore and back. RATE: of the highest rate at which the best net_virtio loses"
          " nothing.\nDROPS: per million packets. RUNS: that count; 0: all had a pause of the machine."
          " MEDIAN, 99%: from RX to TX, under this rate.\n\n"
          "Paths, as the drivers name them:")
    paths = dict.fromkeys((row["driver"], row["profile"], row["ring"], row["setting"], row["path"])
                          for row in rows if row["driver"] != FLOOR)
    for driver, profile, ring, setting, path in paths:
        print(f"  {driver}, {profile}, {ring}, {setting}: {path}")
    print("\nnet_vsr over the best net_virtio, turn by turn: median (and quartiles)")
    for ratio in ratios:
        print(f"  {title(ratio)}, {ratio['setting']}:")
        for figure, text in (("mpps", "throughput"), ("cycles_per_packet", "cycles"),
                             ("doorbells_per_1000", "doorbells"), ("p50_ns", "median"),
                             ("p99_ns", "99%"), ("floor", "cycles")):
            if figure in ratio:
                low, high = ratio[figure + "_quartiles"]
                print(f"    {text:10} {ratio[figure]:6.3f} ({low:.3f} to {high:.3f})"
                      f" against {ratio[figure + '_against']}")
