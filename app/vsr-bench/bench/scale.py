# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Many VFs: how long vsrctl takes to make them, what a port of each driver takes to probe and to
start, and its memory. A dpdk-testpmd holds at most 32 ports, so more VFs are taken by several, one
after the other. Registers of the simulated NIC are emulated, some tens of microseconds for each
access: times are for comparing the two drivers, not for predicting a real card.
"""

import json
import os
import re
import time

from framework.sim import Sim
from framework.testpmd import PROMPT, Testpmd

from .common import check_machine, go_first, progress, some

COUNTS = ("1", "16", "64", "256")
PORTS = 32  # of one testpmd: RTE_MAX_ETHPORTS of Debian's DPDK
RING = 256
MEMORY = 192
TRIES = 3
NO_DEVICE = "0000:ff:1f.7"  # an allow-list of nothing


def options(parser):
    parser.add_argument("--vfs", type=some(COUNTS), default=COUNTS, metavar="LIST",
                        help="1,16,64,256 (default: all)")


class Batch:
    """A testpmd with so many ports, not yet started."""

    def __init__(self, sim, vfs, driver):
        self.pmd = Testpmd(
            sim, vfs or [NO_DEVICE], vsr=driver == "net_vsr", memory=MEMORY,
            args=["--disable-device-start", f"--rxd={RING}", f"--txd={RING}",
                  "--total-num-mbufs=16384"],
        )
        began = time.monotonic()
        self.pmd.launch()
        go_first(self.pmd.pid)
        self.pmd.child.expect(PROMPT)
        self.up = time.monotonic() - began

    def start(self):
        """Start all ports; seconds."""
        began = time.monotonic()
        said = self.pmd.cmd("port start all")
        assert "Done" in said, said
        return time.monotonic() - began

    def memory(self):
        """Bytes taken from the heap of EAL: rings, queues, private data; and all mbufs."""
        said = self.pmd.cmd("dump_socket_mem")
        return float(re.search(r"^Total .*?alloc: ([\d.]+)", said, re.M).group(1)) * (1 << 20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pmd.close()


def resident(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def batch(sim, vfs, driver):
    """(seconds to the prompt, to start all ports, bytes of the heap then)."""
    with Batch(sim, vfs, driver) as b:
        if not vfs:
            return b.up, 0, b.memory()
        assert b.pmd.driver(0) == driver
        return b.up, b.start(), b.memory()


def best(attempts):
    """The shortest of each: what disturbs only adds."""
    return [min(values) for values in zip(*attempts)]


def driver_row(sim, vfs, driver):
    """Probe and start all, a batch at a time; what one port takes."""
    base_up, _, base_memory = best(batch(sim, [], driver) for _ in range(TRIES))
    probe = start = memory = 0
    for first in range(0, len(vfs), PORTS):
        some_vfs = vfs[first:first + PORTS]
        tries = TRIES if len(vfs) <= PORTS else 1
        up, started, heap = best(batch(sim, some_vfs, driver) for _ in range(tries))
        probe += up - base_up
        start += started
        memory += heap - base_memory
    return {"probe_ms_per_vf": round(1000 * probe / len(vfs), 2),
            "start_ms_per_vf": round(1000 * start / len(vfs), 2),
            "memory_kb_per_vf": round(memory / len(vfs) / 1024, 1)}


def measure(count):
    sim = Sim(vfs=count, queue_pairs=1, args=["--queue-size", RING])
    try:
        sim.start()
        go_first(sim.pid)
        before = resident(sim.pid)
        began = time.monotonic()
        vfs = sim.create_vfs(count)
        create = time.monotonic() - began
        sim_memory = resident(sim.pid) - before
        for driver in ("net_vsr", "net_virtio"):
            progress(f"{count} VFs, {driver}")
            yield {"vfs": count, "driver": driver,
                   "create_ms": round(1000 * create, 1),
                   "create_ms_per_vf": round(1000 * create / count, 2),
                   **driver_row(sim, vfs, driver),
                   "sim_kb_per_vf": round(sim_memory / count / 1024, 1)}
    finally:
        sim.close()


def run(args):
    check_machine()
    rows = [row for count in args.vfs for row in measure(int(count))]
    if args.json:
        print(json.dumps({"rows": rows}, indent=1))
        return 0
    print(f"{'VFS':>4} {'DRIVER':10} {'CREATE':>10} {'A VF':>8} {'PROBE':>9} {'START':>9}"
          f" {'MEMORY':>10} {'SIMULATOR':>10}")
    for row in rows:
        print(f"{row['vfs']:4} {row['driver']:10} {row['create_ms']:7.1f} ms"
              f" {row['create_ms_per_vf']:5.2f} ms {row['probe_ms_per_vf']:6.2f} ms"
              f" {row['start_ms_per_vf']:6.2f} ms {row['memory_kb_per_vf']:7.1f} kB"
              f" {row['sim_kb_per_vf']:7.1f} kB")
    print("\nCREATE: vsrctl vf create, all of them. All else for one VF. MEMORY: of EAL's heap, for"
          "\none queue pair of 256 descriptors, mbufs not counted. SIMULATOR: its own growth.")
    return 0
