# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A guest on a VF through vhost-user: packets per second, and what the process of the bridge takes
of a processor, under load and when no packet comes. The guest is DPDK's virtio-user; it sends back
what the generator of the VF sends. The bridges run in turns, A B A B:

  vsr         vsr-bridge: the VF works on the rings of the guest (direct), a thread moves
              descriptors (relay), or packets too (copy)
  vdpa_ifc    DPDK's example dpdk-vdpa with DPDK's driver for such VFs
  net_vhost   dpdk-testpmd forwarding between a vhost port and the VF, which net_virtio or
              net_vsr drives

All have the same VF (profile ifc, one queue pair, rings of 256). The kind device completes in
order, the hard device in another order, and sees only announced buffers. The polled device polls
its rings, and tells drivers that they need no doorbells.

The simulator has one processor, the guest the other one; a bridge runs where the kernel puts it.
With --guests N, many guests come up on as many VFs of one vsr-bridge, send, receive and leave.
"""

import contextlib
import itertools
import json
import os
import pathlib
import time

from framework.bridge import BRIDGE, Bridge
from framework.child import Child
from framework.sim import Sim
from framework.testpmd import Testpmd, sweep
from framework.vdpa import VirtioUser
from framework.vsrd import Refused as RefusedByDaemon, Vsrd
from framework.wait import wait_for
from framework import paths

from . import chart, guests
from .common import (
    Refused, chart_file, check_machine, go_first, number, processors, progress, seconds, some,
    spread,
)
from .side import DEVICES as COMMON_DEVICES, POLLED

DEVICES = {**COMMON_DEVICES, "polled": POLLED}
RINGS = ("split", "packed")
BACKENDS = (("vsr", "direct"), ("vsr", "relay"), ("vsr", "copy"), ("vdpa_ifc", "direct"),
            ("net_vhost", "net_virtio"), ("net_vhost", "net_vsr"))
NAMES = tuple(" ".join(one) for one in BACKENDS)
REFERENCE = NAMES[0]
EXAMPLE = paths.BUILD / "app/vsr-bench/dpdk-vdpa"
WIRE = "gen:size=60,flows=64"  # with the check sequence, 64 bytes
TRIP = "gen:size=60,trip=1"
RING = 256
MEMORY = 64  # MB of hugepages for a program of DPDK
WARM = 0.2  # seconds before figures are taken
COMING = 20  # seconds for the first packet of a guest
BUSY = 0.1  # processors that other programs may take
FIGURES = ("mpps", "bridge_cpu_percent", "idle_cpu_percent", "trip_us", "others_cpu_percent")
_serial = itertools.count()


def options(parser):
    add = parser.add_argument
    add("--quick", action="store_true", help="the kind device, split rings, short turns")
    add("--device", type=some(tuple(DEVICES)), default=("kind",), metavar="LIST",
        help=f"{','.join(DEVICES)} (default: kind)")
    add("--ring", type=some(RINGS), default=None, metavar="LIST",
        help="split,packed (default: both, quick split)")
    add("--bridge", type=some(NAMES), default=NAMES, metavar="LIST",
        help=f"{','.join(NAMES)} (default: all)")
    add("--rounds", type=number(1, 1000), default=None, metavar="N",
        help="turns of each bridge (default 5, quick 3)")
    add("--seconds", type=seconds, default=None, metavar="S",
        help="length of a turn under load (default 1, quick 0.5)")
    add("--guests", type=guests.counts, default=None, metavar="LIST",
        help="instead: numbers of guests, 1 to 64, such as 1,8,64")
    add("--chart", type=chart_file, metavar="FILE", help="write a chart (.svg or .png)")


# ------------------------------------------------------------------ the bridges


class Absent(Exception):
    """A bridge that cannot be measured. The text is the reason, in one sentence."""


class VsrBridge:
    """vsr-bridge, with the daemon that owns the VFs."""

    def __init__(self, sim, mode, stack):
        sim.vsrd = Vsrd(sim, keeper=False)
        stack.callback(sim.vsrd.close)
        sim.vsrd.start()
        sim.create_vfs(1)
        bridge = Bridge(sim)
        stack.callback(bridge.close)
        bridge.start()
        try:
            bridge.add(1, mode=mode)
        except RefusedByDaemon as error:
            raise Absent(error.message) from None
        self.socket, self.pid = bridge.path(1), bridge.pid
        self.bridge, self.mode = bridge, mode

    def start(self):
        """Check that the guest runs in the wanted mode."""
        wait_for(lambda: self.bridge.show(1)["running"], "the VF of the guest")
        found = self.bridge.show(1)["mode"]
        assert found == self.mode, f"the guest runs in mode {found}, not {self.mode}"

    def stop(self):
        pass


class VdpaExample:
    """DPDK's example dpdk-vdpa."""

    def __init__(self, sim, _mode, stack):
        if not EXAMPLE.exists():
            raise Absent(f"{EXAMPLE.name} is not built: run devtools/build.sh with the sources"
                         " of DPDK that devtools/setup.sh fetches")
        (vf,) = sim.create_vfs(1)
        prefix = f"vsrex{os.getpid()}n{next(_serial)}"
        child = Child(
            sim.wrap([EXAMPLE, *anywhere(), "-m", MEMORY, "--in-memory", "--file-prefix", prefix,
                      "--no-telemetry", "--iova-mode=va", f"--vfio-vf-token={sim.token}",
                      "-a", f"{vf},vdpa=1", "--", "--iface", sim.dir / "vd"]),
            env=sim.env, name=EXAMPLE.name)
        stack.callback(sweep, prefix)
        stack.callback(child.close)
        self.socket, self.pid = sim.dir / "vd0", child.pid
        wait_for(self.socket.exists, f"the socket of {EXAMPLE.name}")

    def start(self):
        pass

    stop = start


class NetVhost:
    """dpdk-testpmd between a vhost port and the VF."""

    def __init__(self, sim, driver, stack):
        (vf,) = sim.create_vfs(1)
        self.socket = sim.dir / "vhost"
        self.pmd = Testpmd(
            sim, [vf], vsr=driver == "net_vsr", memory=MEMORY,
            eal=["--vdev", f"net_vhost0,iface={self.socket}", *anywhere()],
            args=["--forward-mode=io", "--total-num-mbufs=8192", f"--rxd={RING}", f"--txd={RING}"])
        at = self.pmd.command.index("--lcores")
        del self.pmd.command[at:at + 2]
        stack.callback(self.pmd.close)
        self.pmd.start()
        self.pid = self.pmd.pid

    def start(self):
        self.pmd.cmd("start")

    def stop(self):
        self.pmd.cmd("stop")


KINDS = {"vsr": VsrBridge, "vdpa_ifc": VdpaExample, "net_vhost": NetVhost}


def anywhere():
    """Two lcores, each on any of the two processors."""
    cpus = "({},{})".format(*processors())
    return ["--lcores", f"0@{cpus},1@{cpus}"]


class Side:
    """A guest on a VF through one of the bridges."""

    def __init__(self, kind, mode, device, ring):
        self.kind, self.mode, self.device, self.ring = kind, mode, device, ring
        self.name = f"{kind} {mode}"
        self.absent = ""  # the reason
        self.turns = []
        self.stack = contextlib.ExitStack()

    def start(self):
        try:
            self._start()
        except Absent as error:
            self.absent = str(error)
            self.stack.close()
        except BaseException:
            self.stack.close()
            raise
        return self

    def _start(self):
        packed = self.ring == "packed"
        self.sim = Sim(profile="ifc", features="" if packed else "-ring_packed", vfs=1,
                       queue_pairs=1,
                       args=["--cpu", processors()[0], "--queue-size", RING,
                             *DEVICES[self.device]])
        self.stack.callback(self.sim.close)
        self.sim.start()
        self.bridge = KINDS[self.kind](self.sim, self.mode, self.stack)
        self.guest = VirtioUser(
            self.sim, self.bridge.socket, options=["queues=1", *["packed_vq=1"] * packed],
            args=["--nb-cores=1", "--forward-mode=io", "--port-topology=loop",
                  "--total-num-mbufs=4096", f"--rxd={RING}", f"--txd={RING}"],
            memory=MEMORY)
        self.stack.callback(self.guest.close)
        self.guest.start()
        self.bridge.start()
        for pid in (self.sim.pid, self.bridge.pid, self.guest.pid):
            go_first(pid)
        self._wire(WIRE)
        self.guest.cmd("start")
        try:
            wait_for(lambda: self._counter("tx_packets") > 1000, "packets", COMING)
        except TimeoutError:
            raise Absent(f"no packets came back from the guest in {COMING} s") from None
        self._rest()

    def close(self):
        self.stack.close()

    def _rest(self):
        self._wire("null")
        self.guest.cmd("stop")
        self.bridge.stop()

    def _wire(self, spec):
        self.sim.ask(cmd="wire", function="vf1", spec=spec)

    def _counters(self):
        (function,) = self.sim.ask(cmd="stats", function="vf1")["functions"]
        return function

    def _counter(self, name):
        return self._counters()[name]

    # ------------------------------------------------------------ a turn

    def turn(self, length):
        """Load, then silence, then one packet in flight."""
        self._wire(WIRE)
        if self.kind != "vsr":
            self.bridge.start()
        self.guest.cmd("start")
        time.sleep(WARM)
        load = self._past(length)
        self._wire("null")
        time.sleep(WARM / 2)
        idle = self._past(length / 2)
        self._wire(TRIP)
        time.sleep(max(length / 4, WARM))
        trip = self._counters()["counters"]
        self._rest()
        self.turns.append({
            "mpps": load["packets"] / load["time"] / 1e6,
            "bridge_cpu_percent": load["cpu"],
            "idle_cpu_percent": idle["cpu"],
            "trip_us": trip.get("round_trip_p50_ns", 0) / 1000,
            "others_cpu_percent": load["others"],
        })

    def _past(self, length):
        """What happened in this time."""
        before = self._now()
        time.sleep(length)
        after = self._now()
        past = {name: after[name] - before[name] for name in after}
        percent = 100 / past["time"]
        return {"packets": past["packets"], "time": past["time"], "cpu": past["cpu"] * percent,
                "others": max(past["all"] - past["ours"], 0) * percent}

    def _now(self):
        times = [ran(pid) for pid in (self.bridge.pid, self.sim.pid, self.guest.pid)]
        return {"packets": self._counter("tx_packets"), "time": time.monotonic(),
                "cpu": times[0], "ours": sum(times), "all": ran_all()}


def ran(pid):
    """Seconds that the threads of a program ran."""
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended
            total += int((path / "schedstat").read_text().split()[0])
    return total / 1e9


def ran_all():
    """Seconds that the two processors were busy."""
    busy = 0
    with open("/proc/stat") as lines:
        for line in lines:
            words = line.split()
            if words[0] in [f"cpu{cpu}" for cpu in processors()]:
                user, nice, system, _idle, _wait, irq, soft = map(int, words[1:8])
                busy += user + nice + system + irq + soft
    return busy / os.sysconf("SC_CLK_TCK")


# ------------------------------------------------------------------ figures


def row_of(side):
    row = {"backend": side.kind, "mode": side.mode, "device": side.device, "ring": side.ring}
    if side.absent:
        return {**row, "not_available": side.absent}
    for name in FIGURES:
        values = [turn[name] for turn in side.turns]
        row[name] = round(spread(values)[0], 3)
        row[name + "_range"] = [round(min(values), 3), round(max(values), 3)]
    row["turns"] = len(side.turns)
    return row


def ratios_of(sides):
    """Each bridge over vsr direct, turn by turn."""
    first = next((side for side in sides if side.name == REFERENCE and side.turns), None)
    for side in sides:
        if first is None or side is first or not side.turns:
            continue
        ratio = {"backend": side.kind, "mode": side.mode, "device": side.device,
                 "ring": side.ring, "against": REFERENCE}
        for name in ("mpps", "bridge_cpu_percent"):
            values = [a[name] / b[name] for a, b in zip(side.turns, first.turns) if b[name] > 0]
            if values:
                ratio[name] = round(spread(values)[0], 3)
                ratio[name + "_range"] = [round(min(values), 3), round(max(values), 3)]
        yield ratio


def measure(device, ring, args):
    """Start all bridges, then measure them in turns. Returns the sides."""
    with contextlib.ExitStack() as stack:
        sides = []
        for kind, mode in BACKENDS:
            if f"{kind} {mode}" not in args.bridge:
                continue
            progress(f"{device}, {ring}: start {kind} {mode}")
            side = Side(kind, mode, device, ring).start()
            stack.callback(side.close)
            sides.append(side)
        for number_ in range(args.rounds):
            progress(f"{device}, {ring}: round {number_ + 1} of {args.rounds}")
            for side in sides:
                if not side.absent:
                    side.turn(args.seconds)
        return sides


def run(args):
    check_machine()
    processors()
    if not BRIDGE.exists():
        raise Refused(f"{BRIDGE} is not built: run devtools/build.sh")
    if args.guests:
        return guests.run(args)
    args.rounds = args.rounds or (3 if args.quick else 5)
    args.seconds = args.seconds or (0.5 if args.quick else 1)
    rows, ratios = [], []
    for device in args.device:
        for ring in args.ring or (RINGS[:1] if args.quick else RINGS):
            sides = measure(device, ring, args)
            rows += map(row_of, sides)
            ratios += ratios_of(sides)
    if args.json:
        print(json.dumps({"simulated": True, "rows": rows, "ratios": ratios}, indent=1))
    else:
        show(rows, ratios)
    if args.chart:
        chart.bridges([row for row in rows if "mpps" in row], args.chart)
        progress(f"wrote {args.chart}")
    worst = max((row["others_cpu_percent"] for row in rows if "mpps" in row), default=0)
    if worst > 100 * BUSY:
        progress(f"other programs took up to {worst:.0f} % of a processor: repeat this on a quiet"
                 " machine")
    return 0


def show(rows, ratios):
    print(f"{'DEVICE':6} {'RING':6} {'BRIDGE':20} {'MPPS':>6} {'MIN TO MAX':>14} {'CPU':>7}"
          f" {'IDLE':>7} {'TRIP':>7}")
    for row in rows:
        head = f"{row['device']:6} {row['ring']:6} {row['backend'] + ' ' + row['mode']:20}"
        if "not_available" in row:
            print(f"{head} not available: {row['not_available']}")
            continue
        low, high = row["mpps_range"]
        print(f"{head} {row['mpps']:6.2f} {low:5.2f} to {high:5.2f}"
              f" {row['bridge_cpu_percent']:5.1f} % {row['idle_cpu_percent']:5.1f} %"
              f" {row['trip_us']:4.0f} us")
    if ratios:
        print(f"\nOver {REFERENCE}, turn by turn: median (min to max)")
    for ratio in ratios:
        print(f"  {ratio['device']:6} {ratio['ring']:6} {ratio['backend'] + ' ' + ratio['mode']:20}"
              f" {ratio['mpps']:5.2f} ({ratio['mpps_range'][0]:.2f} to"
              f" {ratio['mpps_range'][1]:.2f})")
    print("\nMPPS: 64-byte packets that the guest sends back. CPU: of one processor, the process"
          " of the\nbridge under load. IDLE: the same without packets. TRIP: median from the VF"
          " through the\nguest to the VF, one packet in flight. All are figures of the simulator,"
          " not of a card.")
