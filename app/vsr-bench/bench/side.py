# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""One side of a comparison: a simulated NIC and a testpmd that uses it. Sides run in turns.

Each side has its own NIC, started with the same command line. Between its turns, both programs do
nothing: testpmd waits at its prompt, and the simulator is stopped (SIGSTOP). So a turn has both
processors, however many sides are compared. If other programs run on the machine, the busy loops
have a higher priority, and each turn records how long they had to wait for a processor.
"""

import dataclasses
import os
import re
import signal
import time

from framework.sim import Sim
from framework.testpmd import Testpmd

from .common import Weather, floor, go_first, processors, progress

DISTURBED = 0.03  # a turn is repeated if other programs take more than this share of it
MEMORY = 64  # MB of hugepages for a testpmd
CYCLES = re.compile(
    r"CPU cycles/packet=[\d.]+ \(total cycles=(\d+) / total io packets=(\d+)\)"
)
VIRTIO_PATH = re.compile(r"virtio: using (.*?) ?(Rx|Tx) path on port 0\s*$", re.M)


@dataclasses.dataclass(frozen=True)
class Setting:
    """A driver and its set-up."""

    driver: str  # net_vsr or net_virtio
    name: str  # for people
    off: tuple = ()  # features that the device does not offer
    devargs: str = ""


@dataclasses.dataclass(kw_only=True)
class Turn:
    """Conditions during a turn."""

    disturbed: float = 0  # share of the turn that a busy loop waited for its processor
    distance: int = 0  # between the processors, cycles; see Weather

    def good(self):
        return self.disturbed < DISTURBED and Weather.near(self.distance)


@dataclasses.dataclass(kw_only=True)
class Load(Turn):
    """Result of a turn of forwarding at full speed."""

    mpps: float
    cycles_per_packet: float
    doorbells_per_1000: float = 0
    sim_busy: float = 1


@dataclasses.dataclass(kw_only=True)
class Trips(Turn):
    """Result of a turn with one packet in flight."""

    trips: int
    p50_ns: float
    p99_ns: float


def quiet(turn, attempts, *args) -> Turn:
    """Repeat a turn until it is good, at most `attempts` times. Returns the best one."""
    turns = []
    while len(turns) < attempts:
        before = Weather.distance()
        done = turn(*args)
        done.distance = max(before, Weather.distance())
        turns.append(done)
        if done.good():
            break
    return min(turns, key=lambda t: (not t.good(), t.distance, t.disturbed))


def good_turns(turns):
    """The good turns; all turns if none is good. The row shows their distance."""
    return [turn for turn in turns if turn.good()] or turns


def warn(turns):
    """Print a warning if no turn was good."""
    if any(turn.good() for turn in turns):
        return
    progress("no turn was undisturbed and at the short distance: other programs took up to"
             f" {100 * max(turn.disturbed for turn in turns):.0f}% of the device's processor, or"
             " the processors were far from each other (DIST): repeat this on a quiet machine")


def paired(ours, theirs, figure):
    """Quotients turn by turn: of the pairs of good turns; if there is none, of the pairs with equal
    distances; if there is none, of all pairs."""
    pairs = list(zip(ours, theirs))
    good = [pair for pair in pairs if pair[0].good() and pair[1].good()]
    alike = [pair for pair in pairs if Weather.alike(pair[0].distance, pair[1].distance)]
    return [getattr(a, figure) / max(getattr(b, figure), 1e-9)
            for a, b in good or alike or pairs]


class Threads:
    """All threads of a program. The busiest one is its busy loop."""

    def __init__(self, pid):
        self.tasks = f"/proc/{pid}/task"
        go_first(pid)

    def times(self):
        """{thread: (ns on a processor, ns waiting for one)}."""
        found = {}
        for tid in os.listdir(self.tasks):
            with open(f"{self.tasks}/{tid}/schedstat") as f:
                ran, waited, _ = f.read().split()
            found[tid] = int(ran), int(waited)
        return found

    @staticmethod
    def waited(before, after):
        """Share of the time between two times() that the busiest thread waited for a processor."""
        ran, waited = max((after[tid][0] - before[tid][0], after[tid][1] - before[tid][1])
                          for tid in after if tid in before)
        return waited / max(ran + waited, 1)


class Side:
    """A driver on VFs of a NIC, with generators as wires."""

    def __init__(self, setting, profile, ring, queues, ring_size, nb_vfs=2):
        sim_cpu, pmd_cpu = processors()
        off = [*setting.off, *(["ring_packed"] if ring == "split" else [])]
        self.setting = setting
        self.functions = [f"vf{i}" for i in range(1, nb_vfs + 1)]
        self.sim = Sim(
            profile=profile,
            features=",".join(f"-{name}" for name in off),
            vfs=nb_vfs,
            queue_pairs=queues,
            args=["--cpu", sim_cpu, "--queue-size", ring_size],
        )
        self.pmd = None
        self.cores = f"{sim_cpu},{pmd_cpu}"
        self.args = ["--nb-cores=1", "--record-core-cycles", "--forward-mode=io",
                     f"--rxq={queues}", f"--txq={queues}",
                     f"--rxd={ring_size}", f"--txd={ring_size}",
                     f"--total-num-mbufs={max(4096, 4 * nb_vfs * queues * ring_size)}"]
        self.path = ""
        self.threads = []
        self.wire_spec = None
        self.asleep = False

    # ------------------------------------------------------------ start and end

    def start(self, *extra):
        """Start both programs, without forwarding."""
        self.sim.start()
        vfs = self.sim.create_vfs(len(self.functions))
        self.pmd = Testpmd(
            self.sim,
            [vf + self.setting.devargs for vf in vfs],
            vsr=self.setting.driver == "net_vsr",
            # The same for both drivers. By default, no driver uses more than 256 bits.
            eal=["--force-max-simd-bitwidth=512", "--log-level=pmd.net.virtio.init:info"],
            args=[*self.args, *extra],
            cores=self.cores,
            memory=MEMORY,
        )
        self.pmd.start()
        driver = self.pmd.driver(0)
        assert driver == self.setting.driver, f"{driver} took the VFs, not {self.setting.driver}"
        self.path = self._path()
        self.threads = [Threads(self.sim.pid), Threads(self.pmd.pid)]
        self.pause()
        return self

    def _path(self):
        """The burst functions, as the driver names them."""
        modes = {}
        for direction in ("rx", "tx"):
            modes[direction] = self.pmd.burst_mode(direction)
        for text, direction in VIRTIO_PATH.findall(self.pmd.child.output):
            modes[direction.lower()] = text
        return f"rx {modes['rx'] or '?'}, tx {modes['tx'] or '?'}"

    def pause(self):
        if not self.asleep:
            self.sim.child.signal(signal.SIGSTOP)
            self.asleep = True

    def resume(self):
        if self.asleep:
            self.sim.child.signal(signal.SIGCONT)
            self.asleep = False

    def close(self):
        if self.sim.child is not None:
            self.resume()
        if self.pmd is not None:
            self.pmd.close()
        self.sim.close()

    # ------------------------------------------------------------ a turn

    def wire(self, spec):
        """Give all functions a wire of this kind. The simulator must not be stopped."""
        if spec != self.wire_spec:
            for function in self.functions:
                self.sim.ask(cmd="wire", function=function, spec=spec)
            self.wire_spec = spec

    def turn(self, wire, seconds, warm=0.1) -> Load:
        """Forward for `seconds`. This process sleeps meanwhile."""
        self.resume()
        self.wire(wire)
        self.pmd.cmd("start")
        time.sleep(warm)
        before = self._counters()
        time.sleep(seconds)
        after = self._counters()
        text = self.pmd.cmd("stop")
        self.pause()
        found = CYCLES.search(text)
        assert found, f"no packet was forwarded; testpmd printed:\n{text}"
        elapsed = after["time"] - before["time"]
        sent = after["tx_packets"] - before["tx_packets"]
        both = sent + after["rx_packets"] - before["rx_packets"]
        doorbells = after["doorbells"] - before["doorbells"]
        return Load(
            mpps=sent / elapsed / 1e6,
            cycles_per_packet=int(found.group(1)) / int(found.group(2)),
            doorbells_per_1000=1000 * doorbells / max(both, 1),
            sim_busy=after["busy"],
            disturbed=max(map(Threads.waited, before["threads"], after["threads"])),
        )

    def trips(self, wire, seconds) -> Trips:
        """Let one packet circulate for `seconds`. A new wire makes the counters start at zero."""
        self.resume()
        self.pmd.cmd("start")
        self.wire_spec = None
        self.wire(wire)
        before = self._counters()
        time.sleep(seconds)
        after = self._counters()
        (function,) = self.sim.ask(cmd="stats", function=self.functions[0])["functions"]
        self.pmd.cmd("stop")
        self.pause()
        counters = function["counters"]
        assert counters.get("round_trips"), "no packet came back"
        return Trips(
            trips=counters["round_trips"],
            p50_ns=counters["round_trip_p50_ns"],
            p99_ns=counters["round_trip_p99_ns"],
            disturbed=max(map(Threads.waited, before["threads"], after["threads"])),
        )

    def _counters(self):
        """Sums over the functions; "busy" is the share of busy time since the last call."""
        answer = self.sim.ask(cmd="stats")
        functions = [fn for fn in answer["functions"] if fn["name"] in self.functions]
        sums = {name: sum(fn[name] for fn in functions)
                for name in ("rx_packets", "tx_packets", "doorbells")}
        return {**sums, "time": answer["time_ns"] / 1e9,
                "busy": max(answer["workers_busy_permille"]) / 1000,
                "threads": [threads.times() for threads in self.threads]}


class Floor:
    """vsr-bench floor as one more side, so that it is measured under the same conditions."""

    def __init__(self):
        self.setting = Setting("(floor)", "bare rings")
        self.path = "none"

    def turn(self, _wire, seconds) -> Load:
        found = floor("--rounds", "1", "--seconds", str(max(seconds / 2, 0.05)))
        best = min(found["rows"], key=lambda row: row["cycles_per_packet"])
        return Load(mpps=best["mpps"], cycles_per_packet=best["cycles_per_packet"])
