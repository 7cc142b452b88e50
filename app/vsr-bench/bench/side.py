# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""One side of a comparison: a simulated NIC with a testpmd on it, which runs in turns.

Every side has a NIC of its own, made by the same command line; while it is not its turn both
programs do nothing (testpmd waits at its prompt, the simulator is stopped), so that a turn has the
two processors for itself whatever else is being compared. Should something else on the machine
want them as well, the busy loops go first, and how long they had to wait all the same is known.
"""

import dataclasses
import os
import re
import signal
import time

from framework.sim import Sim
from framework.testpmd import Testpmd

from .common import Weather, floor, go_first, processors, progress

DISTURBED = 0.03  # share of a turn that may go to others before it is repeated
MEMORY = 64  # MB of hugepages for a testpmd
CYCLES = re.compile(
    r"CPU cycles/packet=[\d.]+ \(total cycles=(\d+) / total io packets=(\d+)\)"
)
VIRTIO_PATH = re.compile(r"virtio: using (.*?) ?(Rx|Tx) path on port 0\s*$", re.M)


@dataclasses.dataclass(frozen=True)
class Setting:
    """A driver and how it is set up."""

    driver: str  # net_vsr or net_virtio
    name: str  # for people
    off: tuple = ()  # features that the device does not offer to it
    devargs: str = ""


@dataclasses.dataclass(kw_only=True)
class Turn:
    """Under what conditions a turn ran."""

    disturbed: float = 0  # share of the turn that a busy loop waited for its processor
    distance: int = 0  # between the processors, cycles; see Weather

    def good(self):
        return self.disturbed < DISTURBED and Weather.near(self.distance)


@dataclasses.dataclass(kw_only=True)
class Load(Turn):
    """What a turn of forwarding at full speed showed."""

    mpps: float
    cycles_per_packet: float
    doorbells_per_1000: float = 0
    sim_busy: float = 1


@dataclasses.dataclass(kw_only=True)
class Trips(Turn):
    """What a turn with one packet in flight showed."""

    trips: int
    p50_ns: float
    p99_ns: float


def quiet(turn, attempts, *args) -> Turn:
    """A turn that nothing disturbed and that ran at the short distance, or the best of some."""
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
    """Those that count; when there is none, all: the row then says at what distance it ran."""
    return [turn for turn in turns if turn.good()] or turns


def warn(turns):
    """Tell when no turn was as it should be."""
    if any(turn.good() for turn in turns):
        return
    progress("no turn ran undisturbed at the short distance: other programs took up to"
             f" {100 * max(turn.disturbed for turn in turns):.0f}% of the device's processor, or"
             " the host had the two apart (DIST): repeat this on a quiet machine")


def paired(ours, theirs, figure):
    """Quotients turn by turn: of pairs that nothing disturbed, else of those that ran at the same
    distance at least, else of all."""
    pairs = list(zip(ours, theirs))
    good = [pair for pair in pairs if pair[0].good() and pair[1].good()]
    alike = [pair for pair in pairs if Weather.alike(pair[0].distance, pair[1].distance)]
    return [getattr(a, figure) / max(getattr(b, figure), 1e-9)
            for a, b in good or alike or pairs]


class Threads:
    """All threads of a program; the busiest is its busy loop."""

    def __init__(self, pid):
        self.tasks = f"/proc/{pid}/task"
        go_first(pid)

    def times(self):
        """(ns on a processor, ns waiting for one) by thread."""
        found = {}
        for tid in os.listdir(self.tasks):
            with open(f"{self.tasks}/{tid}/schedstat") as f:
                ran, waited, _ = f.read().split()
            found[tid] = int(ran), int(waited)
        return found

    @staticmethod
    def waited(before, after):
        """Share of its time that the busiest thread waited in between."""
        ran, waited = max((after[tid][0] - before[tid][0], after[tid][1] - before[tid][1])
                          for tid in after if tid in before)
        return waited / max(ran + waited, 1)


class Side:
    """A driver on two VFs of a NIC, each wired to a generator."""

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

    # ------------------------------------------------------------ life

    def start(self, *extra):
        """Both programs up, nothing moves yet."""
        self.sim.start()
        vfs = self.sim.create_vfs(len(self.functions))
        self.pmd = Testpmd(
            self.sim,
            [vf + self.setting.devargs for vf in vfs],
            vsr=self.setting.driver == "net_vsr",
            # The same for both: without it no driver uses more than 256 bits.
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
        """The burst functions, as the driver itself says."""
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
        """Connect all functions to wires of this kind; the simulator must be awake."""
        if spec != self.wire_spec:
            for function in self.functions:
                self.sim.ask(cmd="wire", function=function, spec=spec)
            self.wire_spec = spec

    def turn(self, wire, seconds, warm=0.1) -> Load:
        """Forward for so long, with nothing of this program running meanwhile."""
        self.resume()
        self.wire(wire)
        self.pmd.cmd("start")
        time.sleep(warm)
        before = self._counters()
        time.sleep(seconds)
        after = self._counters()
        said = self.pmd.cmd("stop")
        self.pause()
        found = CYCLES.search(said)
        assert found, f"no packet was forwarded; testpmd said:\n{said}"
        elapsed = after["time"] - before["time"]
        sent = after["tx_packets"] - before["tx_packets"]
        both = sent + after["rx_packets"] - before["rx_packets"]
        rung = after["doorbells"] - before["doorbells"]
        return Load(
            mpps=sent / elapsed / 1e6,
            cycles_per_packet=int(found.group(1)) / int(found.group(2)),
            doorbells_per_1000=1000 * rung / max(both, 1),
            sim_busy=after["busy"],
            disturbed=max(map(Threads.waited, before["threads"], after["threads"])),
        )

    def trips(self, wire, seconds) -> Trips:
        """One packet goes round for so long; the wire is made anew, and counts from zero."""
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
        """Sums over the functions; "busy" is the share since the last call."""
        answer = self.sim.ask(cmd="stats")
        functions = [fn for fn in answer["functions"] if fn["name"] in self.functions]
        sums = {name: sum(fn[name] for fn in functions)
                for name in ("rx_packets", "tx_packets", "doorbells")}
        return {**sums, "time": answer["time_ns"] / 1e9,
                "busy": max(answer["workers_busy_permille"]) / 1000,
                "threads": [threads.times() for threads in self.threads]}


class Floor:
    """The bare exchange as one more side, so that its figures are of the same minutes."""

    def __init__(self):
        self.setting = Setting("(floor)", "bare rings")
        self.path = "none"

    def turn(self, _wire, seconds) -> Load:
        said = floor("--rounds", "1", "--seconds", str(max(seconds / 2, 0.05)))
        best = min(said["rows"], key=lambda row: row["cycles_per_packet"])
        return Load(mpps=best["mpps"], cycles_per_packet=best["cycles_per_packet"])
