# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""One side of a comparison: a simulated NIC and a testpmd that uses it. Sides run in turns.

Each side has its own NIC, started with the same command line. Between its turns, both programs do
nothing: testpmd waits at its prompt, and the simulator is stopped (SIGSTOP). So a turn has both
processors, however many sides are compared. If other programs run on the machine, the busy loops
have a higher priority, and each turn records how long they had to wait for a processor.
"""

import contextlib
import dataclasses
import mmap
import os
import re
import signal
import statistics
import struct
import tempfile
import time

from framework import paths
from framework.sim import Sim
from framework.testpmd import Testpmd
from framework.wait import SLOW, wait_for

from .common import Weather, floor, go_first, processors, progress

DISTURBED = 0.03  # a turn is repeated if other programs take more than this share of it
MEMORY = 64  # MB of hugepages for a testpmd
PAUSE = 0.01  # seconds between the commands to the generators and their first packet
RUN = 0.02  # seconds of traffic at a fixed rate
STALL = 0.9  # of a ring: packets that arrive in the longest pause of a run that counts
LATE = 0.05  # share of the packets of a run that counts for which the generators were late
# vsr-sim serve of each device
DEVICES = {"kind": (), "hard": ("--completion", "shuffled", "--doorbell", "strict")}
POLLED = ("--doorbell", "none")
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
    """Result of a turn of forwarding."""

    mpps: float
    cycles_per_packet: float
    hidden_per_packet: float = 0  # of these, in polls without packets
    doorbells_per_1000: float = 0
    sim_busy: float = 1
    drops: int = 0
    offered: int = 0  # packets of the generators, with those dropped
    runs: int = 0  # that count
    p50_ns: float = 0  # of probes
    p99_ns: float = 0

    @property
    def drops_per_million(self):
        return 1e6 * self.drops / max(self.offered, 1)


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


@contextlib.contextmanager
def beside_the_simulator():
    """This process uses only the processor of the simulator: when it wakes up, it does not take the
    other one from the forwarding loop."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors()[:1])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Meter:
    """Times of all burst calls of a testpmd, by the plug-in vsr-bench-meter (meter.c)."""

    WORDS = ("attach", "limit", "attached", "packets", "cycles", "idle_cycles", "hidden_cycles",
             "hidden", "stall", "now")
    BUCKET, NB_BUCKETS = 4, 1024

    def __init__(self):
        self.plugin = paths.plugin("app/vsr-bench/vsr-bench-meter.so")
        self.file = tempfile.NamedTemporaryFile(prefix="vsr-meter-")  # until close()
        self.file.truncate(8 * (len(self.WORDS) + self.NB_BUCKETS))
        self.map = mmap.mmap(self.file.fileno(), 0)
        self.env = {"VSR_METER": self.file.name}
        self.look = 0  # cycles of a poll on a silent wire

    def close(self):
        self.map.close()
        self.file.close()

    def put(self, word, value):
        struct.pack_into("Q", self.map, 8 * self.WORDS.index(word), int(value))

    def read(self):
        return dict(zip(self.WORDS, struct.unpack_from(f"{len(self.WORDS)}Q", self.map)))

    def attach(self, ports):
        """Begin to time. The ports are started."""
        self.put("attach", 1)
        wait_for(lambda: self.read()["attached"] == ports, "the meter", SLOW)

    def calibrate(self):
        """On a silent wire, while testpmd forwards: the median time of a poll."""
        counts = struct.unpack_from(f"{self.NB_BUCKETS}Q", self.map, 8 * len(self.WORDS))
        seen, half = 0, sum(counts) / 2
        for bucket, count in enumerate(counts):
            seen += count
            if count and seen >= half:
                self.look = self.BUCKET * (bucket + 1)
                return
        raise TimeoutError("testpmd did not poll")

    def allow(self, distance):
        """A poll that only looks may take one word from the other processor."""
        self.put("limit", self.look + distance)


class Side:
    """A driver on VFs of a NIC, with generators as wires."""

    def __init__(self, setting, profile, ring, queues, ring_size, nb_vfs=2, device="kind"):
        sim_cpu, pmd_cpu = processors()
        off = [*setting.off, *(["ring_packed"] if ring == "split" else [])]
        self.setting = setting
        self.ring_size, self.queues = ring_size, queues
        self.functions = [f"vf{i}" for i in range(1, nb_vfs + 1)]
        self.sim = Sim(
            profile=profile,
            features=",".join(f"-{name}" for name in off),
            vfs=nb_vfs,
            queue_pairs=queues,
            args=["--cpu", sim_cpu, "--queue-size", ring_size, *DEVICES[device]],
        )
        self.pmd = None
        self.cores = f"{sim_cpu},{pmd_cpu}"
        self.args = ["--nb-cores=1", "--forward-mode=io", "--port-topology=loop",
                     f"--rxq={queues}", f"--txq={queues}",
                     f"--rxd={ring_size}", f"--txd={ring_size}",
                     f"--total-num-mbufs={max(4096, 4 * nb_vfs * queues * ring_size)}"]
        self.path = ""
        self.meter = Meter()
        self.hz = 0  # of the time stamp counter
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
            eal=["--force-max-simd-bitwidth=512", "--log-level=pmd.net.virtio.init:info",
                 "-d", self.meter.plugin],
            env=self.meter.env,
            args=[*self.args, *extra],
            cores=self.cores,
            memory=MEMORY,
        )
        self.pmd.start()
        driver = self.pmd.driver(0)
        assert driver == self.setting.driver, f"{driver} took the VFs, not {self.setting.driver}"
        self.path = self._path()
        self.threads = [Threads(self.sim.pid), Threads(self.pmd.pid)]
        self.meter.attach(len(self.functions))
        self.pmd.cmd("start")
        cycles, clock = self.meter.read()["now"], time.monotonic()
        time.sleep(0.05)
        self.hz = (self.meter.read()["now"] - cycles) / (time.monotonic() - clock)
        self.pmd.cmd("stop")
        self.meter.calibrate()
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
        self.meter.close()

    # ------------------------------------------------------------ a turn

    def wire(self, spec):
        """Give all functions a wire of this kind. The simulator must not be stopped."""
        if spec != self.wire_spec:
            for function in self.functions:
                self.sim.ask(cmd="wire", function=function, spec=spec)
            self.wire_spec = spec

    def turn(self, wire, seconds, warm=0.1) -> Load:
        """Forward for `seconds`. This process sleeps meanwhile."""
        self.meter.allow(Weather.last)
        self.resume()
        self.wire(wire)
        self.pmd.cmd("start")
        time.sleep(warm)
        before = self._counters()
        time.sleep(seconds)
        after = self._counters()
        text = self.pmd.cmd("stop")
        self.pause()
        past = change(before, after)
        assert past["packets"] > 0, f"no packet was forwarded; testpmd printed:\n{text}"
        return Load(
            mpps=past["tx_packets"] / past["time"] / 1e6,
            sim_busy=after["busy"],
            **costs(past),
            disturbed=max(map(Threads.waited, before["threads"], after["threads"])),
        )

    def paced(self, wire, pps, seconds) -> Load:
        """Runs of a fixed rate, without loss until the driver or the application loses packets.

        A run with a long pause of the forwarding loop does not count: it could lose packets with
        any driver. A pause of the simulator loses none, because the generators do not catch up, but
        changes the rate. No program asks for counters while packets run."""
        self.meter.allow(Weather.last)
        self.resume()
        self.wire("null")
        self.pmd.cmd("start")
        first = self._counters()
        with beside_the_simulator():
            runs = [self._run(wire, pps) for _ in range(max(1, round(seconds / RUN)))]
        last = self._counters()
        self.pmd.cmd("stop")
        self.pause()
        calm = [run for run in runs if run["calm"]]
        runs = calm or runs
        total = {name: sum(run[name] for run in runs) for name in runs[0]}
        assert total["packets"] > 0, "no packet was forwarded"
        return Load(
            mpps=total["tx_packets"] / (len(runs) * RUN) / 1e6,
            drops=max(total["rx_packets"] + total["drops"] - total["tx_packets"], 0),
            offered=total["rx_packets"] + total["drops"],
            runs=len(calm),
            p50_ns=statistics.median(run["p50_ns"] for run in runs),
            p99_ns=statistics.median(run["p99_ns"] for run in runs),
            **costs(total),
            disturbed=max(map(Threads.waited, first["threads"], last["threads"])),
        )

    def _run(self, wire, pps):
        """One run: what the counters counted in it. It ends before the next one begins."""
        before = self._counters()
        self.wire_spec = None
        self.wire(f"{wire},rate={int(pps)},count={int(pps * RUN)},probe=1,delay={PAUSE * 1e6:.0f}")
        time.sleep(PAUSE / 2)
        self.meter.put("stall", 0)
        time.sleep(PAUSE / 2 + 1.2 * RUN)
        stall = self.meter.read()["stall"] / self.hz
        past = change(before, self._counters())
        calm = (past["wire_late"] < LATE * past["rx_packets"]
                and stall * pps / self.queues < STALL * self.ring_size)
        return {**past, **self._trips(), "calm": calm}

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

    def _trips(self):
        """Times of the probes, of the slower function."""
        found = [self.sim.ask(cmd="stats", function=name)["functions"][0]["counters"]
                 for name in self.functions]
        return {name: max(counters.get(f"round_trip_{name}", 0) for counters in found)
                for name in ("p50_ns", "p99_ns")}

    def _counters(self):
        """Sums over the functions; "busy" is the share of busy time since the last call."""
        answer = self.sim.ask(cmd="stats")
        functions = [fn for fn in answer["functions"] if fn["name"] in self.functions]
        sums = {name: sum(fn[name] for fn in functions)
                for name in ("rx_packets", "tx_packets", "doorbells", "drops")}
        sums["wire_late"] = sum(fn["counters"]["wire_late"] for fn in functions)
        return {**sums, **self.meter.read(), "time": answer["time_ns"] / 1e9,
                "busy": max(answer["workers_busy_permille"]) / 1000,
                "threads": [threads.times() for threads in self.threads]}


def change(before, after):
    return {name: after[name] - before[name] for name in after if name not in ("busy", "threads")}


def costs(past):
    """Figures per packet."""
    return {
        "cycles_per_packet": (past["cycles"] - past["idle_cycles"]) / max(past["packets"], 1),
        "hidden_per_packet": past["hidden_cycles"] / max(past["packets"], 1),
        "doorbells_per_1000": 1000 * past["doorbells"]
        / max(past["tx_packets"] + past["rx_packets"], 1),
    }


class Floor:
    """vsr-bench floor as one more side, so that it is measured under the same conditions."""

    def __init__(self):
        self.setting = Setting("(floor)", "bare rings")
        self.path = "none"

    def turn(self, _wire, seconds) -> Load:
        found = floor("--rounds", "1", "--seconds", str(max(seconds / 2, 0.05)))
        best = min(found["rows"], key=lambda row: row["cycles_per_packet"])
        return Load(mpps=best["mpps"], cycles_per_packet=best["cycles_per_packet"])
