#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The demonstration. demo.sh prepares the machine, and cleans up when this process is killed."""

import contextlib
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "dts"))

from framework.net import Namespace, iperf3, tap_name  # noqa: E402
from framework.signals import default_for_children  # noqa: E402
from framework.sim import Sim  # noqa: E402
from framework.testpmd import Testpmd  # noqa: E402

PINGS = 50
TCP_SECONDS = 5
GEN_SECONDS = 5


class Stopped(Exception):
    """A signal ended the demonstration."""


def on_signal(number, _frame):
    raise Stopped(f"stopped by {signal.Signals(number).name}")


def say(*words):
    print(*words, flush=True)


def indent(text):
    return "\n".join("    " + line for line in text.rstrip().splitlines())


class Ledger:
    """The list of what was made so far, in a file, so that demo.sh can clean up."""

    def __init__(self, folder):
        self.path = folder / "made"

    def note(self, kind, name):
        with self.path.open("a") as file:
            file.write(f"{kind} {name}\n")


def set_up(stack, folder, ledger):
    """Make namespaces, simulator and VFs, start testpmd, and forward between the two VFs."""
    left, right = (
        stack.enter_context(contextlib.closing(Namespace(f"192.168.77.{i}"))) for i in (1, 2)
    )
    taps = tap_name(), tap_name()
    for space in (left, right):
        ledger.note("namespace", space.name)
    say("1. vsr-sim simulates a NIC: a virtio PF with SR-IOV, bound to vfio-pci")
    sim = Sim(
        vfs=2, queue_pairs=1, wires={"vf1": f"tap:{taps[0]}", "vf2": f"tap:{taps[1]}"},
        directory=folder / "sim",
    )
    stack.enter_context(contextlib.closing(sim))
    sim.start()
    ledger.note("process", sim.pid)
    for space, tap in zip((left, right), taps):
        space.take(tap)
    say("2. vsrctl creates two VFs")
    vfs = sim.create_vfs(2)
    say(indent(sim.vsrctl("list").stdout))
    say("3. dpdk-testpmd with net_vsr forwards between them:")
    say(f"    namespace {left.name} - tap - VF 1 - testpmd - VF 2 - tap - namespace {right.name}")
    pmd = Testpmd(sim, vfs, vsr=True)
    stack.enter_context(contextlib.closing(pmd))
    ledger.note("huge", pmd.prefix)
    pmd.launch()
    ledger.note("process", pmd.pid)
    pmd.child.expect("testpmd> ")
    for port in (0, 1):
        pmd.wait_link(port)
    pmd.start_forwarding("io")
    return left, right, sim, pmd


def traffic(left, right):
    """Ping and TCP. Returns (answers lost, Gbit/s left to right, Gbit/s right to left)."""
    say(f"4. {PINGS} pings between the namespaces, then TCP for {TCP_SECONDS} s each way")
    sent, received = left.ping(right.address, count=PINGS)
    say(f"    {received} of {sent} pings answered")
    rates = []
    for reverse in (False, True):
        end = iperf3(right, left, TCP_SECONDS, reverse)
        rates.append(end["sum_received"]["bits_per_second"] / 1e9)
        way = f"{left.address} {'<-' if reverse else '->'} {right.address}"
        again = end["sum_sent"]["retransmits"]
        say(f"    {way}: {rates[-1]:.2f} Gbit/s, {again} segments sent again")
    return sent - received, *rates


def full_speed(sim, pmd):
    """64-byte packets from generators on both VFs. Returns (Mpps, doorbells per 1000 packets)."""
    say(f"5. 64-byte packets from generators on both VFs for {GEN_SECONDS} s")
    for vf in ("vf1", "vf2"):
        done = sim.cli("wire", vf, "gen:size=64")
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())

    def totals():
        fns = [sim.fn(name) for name in ("vf1", "vf2")]
        return time.monotonic(), [sum(fn[key] for fn in fns) for key in ("tx_packets", "doorbells")]

    start, (packets, doorbells) = totals()
    time.sleep(GEN_SECONDS)
    end, (more_packets, more_doorbells) = totals()
    packets, doorbells = more_packets - packets, more_doorbells - doorbells
    mpps = packets / (end - start) / 1e6
    say(f"    testpmd forwards {mpps:.2f} million packets per second")
    return mpps, 1000 * doorbells / packets if packets else 0.0


def demonstrate(folder):
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        left, right, sim, pmd = set_up(stack, folder, Ledger(folder))
        lost, there, back = traffic(left, right)
        mpps, per_thousand = full_speed(sim, pmd)
        pmd.stop_forwarding()
        ring = "packed" if "ring_packed" in sim.fn("vf1")["accepted"] else "split"
        rx, tx = pmd.burst_mode("rx"), pmd.burst_mode("tx")
        violations = sim.violations()
        ended = pmd.quit(), sim.stop()
    checks = {
        "no ping lost": lost == 0,
        "TCP both ways": there > 0 and back > 0,
        "packets at 64 B": mpps > 0,
        "no violation of virtio": not violations,
        "testpmd and vsr-sim end with exit code 0": ended == (0, 0),
    }
    rows = [
        ("TCP, VF 1 to VF 2", f"{there:.2f} Gbit/s"),
        ("TCP, VF 2 to VF 1", f"{back:.2f} Gbit/s"),
        ("64-byte packets forwarded", f"{mpps:.2f} Mpps"),
        ("doorbells per 1000 packets", f"{per_thousand:.1f}"),
        ("ring layout", ring),
        ("receive path", rx),
        ("transmit path", tx),
        ("pings lost", f"{lost} of {PINGS}"),
        ("violations of virtio", ", ".join(violations) or "none"),
        ("took", f"{time.monotonic() - began:.0f} s"),
    ]
    width = max(len(name) for name, _ in rows)
    say()
    for name, value in rows:
        say(f"  {name:{width}}  {value}")
    say()
    failed = [name for name, good in checks.items() if not good]
    say("PASS" if not failed else f"FAIL: not fulfilled: {'; '.join(failed)}")
    return 1 if failed else 0


def main():
    default_for_children()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        return demonstrate(pathlib.Path(sys.argv[1]))
    except Stopped as stop:
        say(f"\nFAIL: {stop}")
    except (AssertionError, EOFError, OSError, RuntimeError, TimeoutError, KeyError) as error:
        say(f"\nFAIL: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
