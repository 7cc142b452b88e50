# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsr-bench bridge --guests: many guests on as many VFs of one vsr-bridge. Their front ends are
those of the tests: small, and moved by this process."""

import argparse
import contextlib
import json
import pathlib
import re
import time

from framework.bridge import Bridge
from framework.sim import Sim
from framework.vhost_user import FrontEnd
from framework.vsrd import Vsrd
from framework.wait import wait_for

from .common import go_first, progress

MOST = 64
FRAMES = 16  # that each guest receives, and sends
WIRE = f"gen:size=60,count={FRAMES},rate=1000"
FRAME = bytes.fromhex("020000000001" "020000000002" "88b5") + bytes(46)


def counts(text):
    words = text.split(",")
    for word in words:
        if not word.isdecimal() or not 1 <= int(word) <= MOST:
            raise argparse.ArgumentTypeError(f"{word!r} is not a number of guests from 1 to {MOST}")
    return tuple(map(int, words))


def threads(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/task").iterdir()))


def own_memory(pid):
    """KiB that no other process has, without the memory of guests."""
    total, guest = 0, False
    with open(f"/proc/{pid}/smaps") as lines:
        for line in lines:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                guest = "/memfd:guest" in line
            elif line.startswith("Private_") and not guest:
                total += int(line.split()[1])
    return total


def measure(count):
    with contextlib.ExitStack() as stack:
        sim = Sim(profile="ifc", vfs=count, queue_pairs=1)
        stack.callback(sim.close)
        sim.start()
        sim.vsrd = Vsrd(sim, keeper=False)
        stack.callback(sim.vsrd.close)
        sim.vsrd.start()
        sim.create_vfs(count)
        bridge = Bridge(sim)
        stack.callback(bridge.close)
        bridge.start()
        for pid in (sim.pid, sim.vsrd.pid, bridge.pid):
            go_first(pid)
        return measure_on(bridge, count, stack)


def measure_on(bridge, count, stack):
    sim, pid, vfs = bridge.host, bridge.pid, range(1, count + 1)
    row = {"guests": count, "threads_without": threads(pid)}
    memory = own_memory(pid)

    began = time.monotonic()
    for vf in vfs:
        bridge.add(vf)
    added = time.monotonic()
    fronts = []
    for vf in vfs:
        front = FrontEnd(bridge.path(vf))
        stack.callback(front.close)
        front.start()
        fronts.append(front)
    for vf in vfs:
        wait_for(lambda vf=vf: bridge.show(vf)["running"], f"the VF {vf} of its guest", every=0.005)
    row["add_ms"] = round(1000 * (added - began), 1)
    row["up_ms"] = round(1000 * (time.monotonic() - began), 1)
    row["up_ms_per_guest"] = round(row["up_ms"] / count, 2)

    row["received"], row["sent"] = traffic(sim, fronts)
    row["threads"] = threads(pid)
    row["memory_kb_per_guest"] = round((own_memory(pid) - memory) / count)

    began = time.monotonic()
    for vf in vfs:
        bridge.remove(vf)
    row["down_ms"] = round(1000 * (time.monotonic() - began), 1)
    row["down_ms_per_guest"] = round(row["down_ms"] / count, 2)
    return row


def traffic(sim, fronts):
    """Each guest receives and sends some frames. Returns the smallest counts of a VF."""
    for vf, front in enumerate(fronts, 1):
        front.fill()
        sim.ask(cmd="wire", function=f"vf{vf}", spec=WIRE)
    for front in fronts:
        for _ in range(FRAMES):
            front.receive()
            front.transmit(FRAME)
    found = [fn for fn in sim.stats()["functions"] if fn["name"] != "pf"]
    return (min(fn["rx_packets"] for fn in found), min(fn["tx_packets"] for fn in found))


def run(args):
    rows = []
    for count in args.guests:
        progress(f"{count} guests")
        rows.append(measure(count))
    if args.json:
        print(json.dumps({"simulated": True, "guests": rows}, indent=1))
        return 0
    print(f"{'GUESTS':>6} {'UP':>10} {'OF THESE ADD':>12} {'A GUEST':>9} {'DOWN':>10}"
          f" {'A GUEST':>9} {'MEMORY':>8} {'THREADS':>7}")
    for row in rows:
        print(f"{row['guests']:6} {row['up_ms']:7.1f} ms {row['add_ms']:9.1f} ms"
              f" {row['up_ms_per_guest']:6.2f} ms {row['down_ms']:7.1f} ms"
              f" {row['down_ms_per_guest']:6.2f} ms {row['memory_kb_per_guest']:4} KiB"
              f" {row['threads']:7}")
    print("\nUP: until all VFs work on the rings of their guests. MEMORY: private memory of the"
          " bridge\nfor a guest, without that of the guest. Each guest received and sent"
          f" {FRAMES} frames.")
    return 0
