# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Many VFs: the time in which vsrctl creates them, the time in which each driver probes and starts
a port, and the memory of a port. A dpdk-testpmd has at most 32 ports, so more VFs are divided among
several testpmds, one after the other. Each access to a register of the simulated NIC takes some
tens of microseconds: the times compare the two drivers, and do not predict those of a real card.
"""

import json
import os
import re
import time

from framework.sim import Sim
from framework.testpmd import PROMPT, Testpmd

from .common import check_machine, go_first, progress, some

COUNTS = ("1", "16", "64", "256")
PORTS = 32  # ports of a testpmd: RTE_MAX_ETHPORTS of Debian's DPDK
RINGS = ("256", "1024")
PORTS_RING = 256  # with a larger ring, a testpmd has fewer ports, for the same number of mbufs
MEMORY = 192
TRIES = 3
NO_DEVICE = "0000:ff:1f.7"  # does not exist: no device is allowed


def options(parser):
    parser.add_argument("--vfs", type=some(COUNTS), default=COUNTS, metavar="LIST",
                        help="1,16,64,256 (default: all)")
    parser.add_argument("--rings", type=some(RINGS), default=RINGS, metavar="LIST",
                        help="descriptors of each queue: 256,1024 (default: both)")


class Batch:
    """A testpmd whose ports are not started yet."""

    def __init__(self, sim, vfs, driver, ring):
        self.pmd = Testpmd(
            sim, vfs or [NO_DEVICE], vsr=driver == "net_vsr", memory=MEMORY,
            args=["--disable-device-start", f"--rxd={ring}", f"--txd={ring}",
                  "--total-num-mbufs=16384"],
        )
        began = time.monotonic()
        self.pmd.launch()
        go_first(self.pmd.pid)
        self.pmd.child.expect(PROMPT)
        self.up = time.monotonic() - began

    def start(self):
        """Start all ports. Returns the seconds."""
        began = time.monotonic()
        text = self.pmd.cmd("port start all")
        assert "Done" in text, text
        return time.monotonic() - began

    def memory(self):
        """Bytes in use of the heap of EAL: rings, queues, private data, and all mbufs."""
        text = self.pmd.cmd("dump_socket_mem")
        return float(re.search(r"^Total .*?alloc: ([\d.]+)", text, re.M).group(1)) * (1 << 20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pmd.close()


def resident(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def batch(sim, vfs, driver, ring):
    """(seconds to the prompt, seconds to start all ports, bytes of the heap after that)."""
    with Batch(sim, vfs, driver, ring) as b:
        if not vfs:
            return b.up, 0, b.memory()
        assert b.pmd.driver(0) == driver
        return b.up, b.start(), b.memory()


def best(attempts):
    """The smallest value of each figure: disturbances only add."""
    return [min(values) for values in zip(*attempts)]


def driver_row(sim, vfs, driver, ring):
    """Probe and start all VFs, a batch at a time. Returns the row for one port."""
    base_up, _, base_memory = best(batch(sim, [], driver, ring) for _ in range(TRIES))
    probe = start = memory = 0
    ports = PORTS * PORTS_RING // ring
    for first in range(0, len(vfs), ports):
        some_vfs = vfs[first:first + ports]
        tries = TRIES if len(vfs) <= ports else 1
        up, started, heap = best(batch(sim, some_vfs, driver, ring) for _ in range(tries))
        probe += up - base_up
        start += started
        memory += heap - base_memory
    return {"probe_ms_per_vf": round(1000 * probe / len(vfs), 2),
            "start_ms_per_vf": round(1000 * start / len(vfs), 2),
            "memory_kb_per_vf": round(memory / len(vfs) / 1024, 1)}


def measure(count, ring):
    sim = Sim(vfs=count, queue_pairs=1, args=["--queue-size", ring])
    try:
        sim.start()
        go_first(sim.pid)
        before = resident(sim.pid)
        began = time.monotonic()
        vfs = sim.create_vfs(count)
        create = time.monotonic() - began
        sim_memory = resident(sim.pid) - before
        for driver in ("net_vsr", "net_virtio"):
            progress(f"{count} VFs, rings of {ring}, {driver}")
            yield {"vfs": count, "ring": ring, "driver": driver,
                   "create_ms": round(1000 * create, 1),
                   "create_ms_per_vf": round(1000 * create / count, 2),
                   **driver_row(sim, vfs, driver, ring),
                   "sim_kb_per_vf": round(sim_memory / count / 1024, 1)}
    finally:
        sim.close()


def run(args):
    check_machine()
    rows = [row for ring in args.rings for count in args.vfs
            for row in measure(int(count), int(ring))]
    if args.json:
        print(json.dumps({"rows": rows}, indent=1))
        return 0
    print(f"{'VFS':>4} {'RING':>4} {'DRIVER':10} {'CREATE':>10} {'A VF':>8} {'PROBE':>9}"
          f" {'START':>9} {'MEMORY':>10} {'SIMULATOR':>10}")
    for row in rows:
        print(f"{row['vfs']:4} {row['ring']:4} {row['driver']:10} {row['create_ms']:7.1f} ms"
              f" {row['create_ms_per_vf']:5.2f} ms {row['probe_ms_per_vf']:6.2f} ms"
              f" {row['start_ms_per_vf']:6.2f} ms {row['memory_kb_per_vf']:7.1f} kB"
              f" {row['sim_kb_per_vf']:7.1f} kB")
    print("\nCREATE: vsrctl vf create, for all VFs. The other figures are for one VF. MEMORY: heap"
          "\nof EAL for one queue pair, without mbufs. SIMULATOR: growth of vsr-sim.")
    return 0
