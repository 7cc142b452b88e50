# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""VFs that vsr-bridge shows to guests as transitional functions.

The guest is Debian's dpdk-testpmd with the legacy path of DPDK's own net_virtio: the simulated host
attaches the function from the vfio-user socket of vsr-bridge. Tests that count commands per
register access use a minimal guest instead, which reads and writes single registers.
"""

import concurrent.futures
import errno
import json
import os
import pathlib
import re
import select
import shlex
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time

import pytest

from framework import vfio_user as vu
from framework.bridge import BRIDGE, Bridge
from framework.frames import check_crossing, frame_to, frames_of_all_sizes
from framework.sim import PF
from framework.sleeper import check_wakes
from framework.vfio_user import Guest
from framework.vhost_user import FrontEnd
from framework.vsrd import Refused, Vsrd, refused, shown
from framework.wait import SLOW, wait_for

SHOWN = "0000:02:00.0"  # address of the transitional function
VF2 = "0000:01:00.2"
MAPS_MAX, MAPS_PROMISED = 4096, 128  # of a guest
LEGACY = 1  # port of the transitional function: EAL sorts ports by address


class Tunnel:
    """A simulated host, vsrd, and a vsr-bridge that shows some of the VFs."""

    def __init__(self, host, vsrd, bridge):
        self.host, self.vsrd, self.bridge = host, vsrd, bridge

    def path(self, vf=1):
        return self.bridge.path(vf)

    def add(self, vf, path):
        """Run vsrctl guest add. Returns what subprocess.run() returns."""
        return self.host.vsrctl("guest", "add", PF, vf, "--vfio-user", path, "--variant", "legacy")

    def serve(self, vf=1):
        done = self.add(vf, self.path(vf))
        assert done.returncode == 0, done.stderr
        return self

    def unserve(self, vf=1):
        done = self.host.vsrctl("guest", "remove", PF, vf)
        assert done.returncode == 0, done.stderr

    def attach(self, vf=1, bdf=SHOWN):
        done = self.host.cli("attach", bdf, self.path(vf))
        assert done.returncode == 0, done.stderr
        return bdf

    def detach(self, bdf=SHOWN):
        done = self.host.cli("detach", bdf)
        assert done.returncode == 0, done.stderr

    def counters(self, vf=1) -> dict:
        """The counters of vsr-bridge for a VF that it shows."""
        return self.bridge.show(vf)["registers"]

    def connected(self, vf=1) -> bool:
        return self.bridge.show(vf)["front_end"]["connected"]

    def wait_doorbell(self, vf=1) -> bool:
        """Whether doorbells are written to the VF: known when vsrd has answered."""
        wait_for(lambda: self.counters(vf)["commands"], "the answer about the doorbell")
        return self.bridge.show(vf)["doorbell"] == "written"

    def commands(self) -> int:
        """Number of admin commands for legacy registers."""
        ops = self.vsrd.call("admin.stats", pf=PF)["opcodes"]
        return sum(op["commands"] for op in ops if 2 <= op["opcode"] <= 6)

    def all_commands(self) -> int:
        return sum(q["commands"] for q in self.vsrd.call("admin.stats", pf=PF)["queues"])


@pytest.fixture
def tunnel(sim, closing):
    """tunnel(vfs=2, served=[1], ...): vsrd with VFs, and a vsr-bridge that shows some of them, both
    with a keeper. options: arguments of vsr-bridge; conf: those of Sim."""

    def make(vfs=2, served=(1,), options=(), **conf):
        host = sim(vfs=vfs, **conf)
        vsrd = closing(Vsrd(host)).start()
        host.create_vfs(vfs)
        made = Tunnel(host, vsrd, closing(Bridge(host, keeper=True, args=options)).start())
        for vf in served:
            made.serve(vf)
            made.wait_doorbell(vf)
        return made

    return make


@pytest.fixture
def guest(closing):
    """guest(tunnel, vf=1): a minimal guest of a served VF, with I/O space enabled."""
    return lambda made, vf=1: closing(Guest(made.path(vf))).open_ports()


@pytest.fixture
def forwarding(tunnel, testpmd, closing):
    """forwarding(...): a testpmd that forwards between VF 2 (port 0, modern) and the transitional
    function (port LEGACY), each with a tap as its wire. Returns (tunnel, testpmd, taps)."""

    def make(**conf):
        made = tunnel(taps=("vf1", "vf2"), **conf)
        made.attach()
        return made, start(made), [closing(made.host.open_tap(f)) for f in ("vf1", "vf2")]

    def start(made):
        pmd = testpmd(made.host, [SHOWN, VF2], eal=["--log-level=pmd.net.virtio.init:debug"])
        pmd.start_forwarding("io")
        for port in (0, 1):
            pmd.wait_link(port)
        return pmd

    make.start = start
    return make


def check_both_ways(taps, frames):
    check_crossing(taps[0], taps[1], frames)
    check_crossing(taps[1], taps[0], frames)


def few(taps):
    return [frame_to("02:00:00:00:00:02", taps[0].mac, bytes([n])) for n in range(64)]


# ---------------------------------------------------------------- net_virtio as the guest


def test_stock_legacy_driver_passes_frames_both_ways(forwarding):
    """Steps: frames of all sizes cross the legacy port both ways; then thousands more.

    Verify: the driver uses the legacy path; every frame arrives byte for byte; meanwhile there are
    many doorbells, but no admin commands, by three counters; no violation.
    """
    made, pmd, taps = forwarding()
    assert pmd.driver(LEGACY) == "net_virtio"
    assert "trying with legacy virtio pci" in pmd.child.output
    vf = made.host.fn("vf1")
    assert "version_1" not in vf["accepted"] and "mrg_rxbuf" in vf["accepted"]
    check_both_ways(taps, few(taps))

    def counter(name):
        return made.host.fn("vf1")["counters"][name]

    doorbells, accesses = counter("legacy_doorbells"), counter("legacy_accesses")
    before = made.counters(), made.commands(), made.all_commands()
    check_both_ways(taps, frames_of_all_sizes("02:00:00:00:00:02", "02:00:00:00:00:03"))
    for _ in range(10):
        check_both_ways(taps, few(taps))
    after = made.counters(), made.commands(), made.all_commands()
    assert after[0]["doorbells"] > before[0]["doorbells"] + 100
    for name in ("commands", "reads", "writes", "failures", "refused"):
        assert after[0][name] == before[0][name], name
    assert after[1:] == before[1:]
    assert counter("legacy_doorbells") > doorbells and counter("legacy_accesses") == accesses
    assert pmd.quit() == 0
    # Other suites check the modern port.
    assert not [rule for rule in made.host.violations() if rule.startswith("vf1")]


def test_mac_changes_with_one_command(forwarding):
    """Steps: net_virtio sets a new MAC address, promiscuous mode is off; send frames to the old and
    to the new address.

    Verify: the new address can be read back, and the device filters by it.
    """
    made, pmd, taps = forwarding()
    old, new = pmd.mac(LEGACY), "02:11:22:33:44:55"
    pmd.cmd(f"mac_addr set {LEGACY} {new}")
    assert pmd.mac(LEGACY) == new and new != old
    assert made.host.fn("vf1")["mac"] == new
    pmd.cmd(f"set promisc {LEGACY} off")
    wanted = [frame_to(new, taps[0].mac, b"n")]
    taps[0].send([frame_to(old, taps[0].mac, b"o"), *wanted])
    # The frames keep their order: a frame to the old address would arrive first.
    assert taps[1].receive(1) == wanted
    assert pmd.quit() == 0


def test_port_and_testpmd_can_be_restarted(forwarding):
    """Steps: stop and start the port ten times; detach and attach the function; quit testpmd and
    start it again; kill -9 testpmd and start it again.

    Verify: frames cross each time; without a user the VF is reset and has no memory mapped.
    """
    made, pmd, taps = forwarding()
    for _ in range(10):
        pmd.stop_forwarding()
        for command in ("stop", "start"):
            pmd.cmd(f"port {command} {LEGACY}")
        pmd.start_forwarding()
        pmd.wait_link(LEGACY)
        check_both_ways(taps, few(taps))
    # net_virtio has no reset of a port: detach and attach it.
    pmd.stop_forwarding()
    for command in (f"port stop {LEGACY}", f"port close {LEGACY}", f"device detach {SHOWN}"):
        pmd.cmd(command)
    wait_for(lambda: made.host.fn("vf1")["dma_bytes"] == 0, "the guest's memory to be unmapped")
    pmd.cmd(f"port attach {SHOWN}")
    pmd.cmd(f"port start {LEGACY}")
    pmd.start_forwarding()
    pmd.wait_link(LEGACY)
    check_both_ways(taps, few(taps))
    for end in ("quit", "kill"):
        getattr(pmd, end)()
        wait_for(lambda: made.host.fn("vf1")["dma_bytes"] == 0, "the guest's memory to be unmapped")
        assert made.host.fn("vf1")["status"] == 0
        pmd = forwarding.start(made)
        check_both_ways(taps, few(taps))
    assert pmd.quit() == 0


def test_link_change_reaches_the_guest(tunnel, testpmd):
    """Steps: set the link of the VF down and up. Verify: testpmd, which polls the link, sees both.

    testpmd has to poll: DPDK's net_virtio sets the vector for link changes before VFIO has enabled
    MSI-X, and until then a legacy device has no such register.
    """
    made = tunnel()
    pmd = testpmd(made.host, [made.attach()], args=["--no-lsc-interrupt"])
    for up in (True, False, True):
        made.host.set_link("vf1", up)
        pmd.wait_link(0, up)
    assert pmd.quit() == 0


def test_packets_wake_a_sleeping_guest(tunnel, closing):
    """Steps: a program with net_virtio sleeps; each time it sleeps, one frame is sent.

    Verify: each frame wakes the program once, with one packet. So the MSI-X vectors of the VF
    signal the eventfds of the guest, and the registers of the vectors are written by commands. """
    made = tunnel(taps=("vf1",))
    tap = closing(made.host.open_tap("vf1"))
    check_wakes(made.host, closing, tap, made.attach(), wakes=8)
    assert made.counters()["failures"] == 0


def test_function_can_be_detached_while_testpmd_uses_it(forwarding, testpmd):
    """Steps: detach the function while testpmd uses it; attach it again, and start another testpmd.
    Verify: vsr-bridge sees the guest leave; frames cross with the other testpmd."""
    made, pmd, taps = forwarding()
    check_both_ways(taps, few(taps))
    made.detach()
    assert not made.host.sysfs("bus/pci/devices", SHOWN).exists()
    wait_for(lambda: not made.connected(), "vsr-bridge to see the guest leave")
    assert made.host.fn("vf1")["dma_bytes"] == 0
    pmd.kill()
    made.attach()
    pmd = forwarding.start(made)
    check_both_ways(taps, few(taps))
    assert pmd.quit() == 0


def test_modern_driver_uses_no_tunnel(tunnel, testpmd, closing):
    """Steps: remove the guest of VF 1; net_vsr forwards frames on it, while VF 2 is still served. Verify:
    no command for a legacy register."""
    made = tunnel(taps=("vf1",), served=(1, 2))
    made.unserve()
    before = made.commands(), made.counters(2)["commands"]
    tap = closing(made.host.open_tap("vf1"))
    pmd = testpmd(made.host, ["0000:01:00.1"], vsr=True)
    pmd.start_forwarding("io")
    pmd.wait_link(0)
    assert pmd.driver(0) == "net_vsr"
    frames = [frame_to("02:00:00:00:00:02", tap.mac, bytes([n])) for n in range(64)]
    tap.send(frames)
    assert tap.receive(64) == frames
    assert pmd.quit() == 0
    assert (made.commands(), made.counters(2)["commands"]) == before
    fn = made.host.fn("vf1")["counters"]
    assert fn["legacy_accesses"] == fn["legacy_doorbells"] == 0


# ---------------------------------------------------------------- commands per access

# Accesses to BAR 0, and the number of commands for each. doc/guides/legacy.rst has the same table.
COSTS = [
    ("read the features", "r", vu.FEATURES, 4, 1),
    ("read one byte of a register", "r", vu.FEATURES + 2, 1, 1),
    ("read two registers at once", "r", vu.QUEUE_SIZE, 4, 2),
    ("select a queue", "w", vu.QUEUE_SELECT, 2, 1),
    ("status", "w", vu.STATUS, 1, 1),
    ("read and clear the ISR", "r", vu.ISR, 1, 1),
    ("doorbell", "w", vu.NOTIFY, 2, 0),
    ("doorbell of another width", "w", vu.NOTIFY, 1, 1),
    ("five bytes of a MAC", "w", vu.NET, 5, 0),
    ("its last byte", "w", vu.NET + 5, 1, 1),
    ("all of a MAC", "w", vu.NET, 6, 1),
    ("read the MAC", "r", vu.NET, 6, 1),
    ("past the end", "r", 48, 4, 0),
]


def test_each_register_access_costs_what_is_written(tunnel, guest):
    """Verify: each access takes the number of commands in the table, by the counters of vsrd and of
    the device; twice."""
    made = tunnel()
    client = guest(made)
    for _ in range(2):
        for what, kind, offset, width, cost in COSTS:
            before = made.commands(), made.host.fn("vf1")["counters"]["legacy_accesses"]
            if kind == "r":
                client.read(vu.BAR0, offset, width)
            else:
                client.write(vu.BAR0, offset, bytes(range(1, width + 1)))
            assert made.commands() - before[0] == cost, what
            assert made.host.fn("vf1")["counters"]["legacy_accesses"] - before[1] == cost, what


def test_six_single_bytes_make_one_address(tunnel, guest):
    """Steps: write a MAC address byte by byte. Verify: the device has the old address until the
    last byte, then the new one; one command."""
    made = tunnel()
    client = guest(made)
    old, new = made.host.fn("vf1")["mac"], bytes([2, 1, 2, 3, 4, 5])
    before = made.commands()
    for at, byte in enumerate(new):
        assert made.host.fn("vf1")["mac"] == old
        client.write(vu.BAR0, vu.NET + at, bytes([byte]))
    assert made.host.fn("vf1")["mac"] == new.hex(":")
    assert made.commands() - before == 1
    assert client.read(vu.BAR0, vu.NET, 6) == new


# ---------------------------------------------------------------- many VFs, faulty devices


def test_64_slow_resets_at_once_all_complete(tunnel, guest):
    """Steps: 64 VFs, each with a guest that has set a status; a reset takes 2 s; all guests
    reset their VFs at once.

    Verify: the write of each guest ends only when its VF is reset, and all resets together take a
    fraction of 128 s.
    """
    made = tunnel(vfs=64, served=range(1, 65))
    clients = [guest(made, vf) for vf in range(1, 65)]
    for client in clients:
        client.put(vu.STATUS, 1, 1)
    assert made.host.cli("fault", "slow-reset=2000000").returncode == 0
    start = threading.Barrier(64)

    def reset(client):
        start.wait()
        began = time.monotonic()
        client.put(vu.STATUS, 0, 1)
        return time.monotonic() - began, client.get(vu.STATUS, 1)

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        ends = list(pool.map(reset, clients))
    took = time.monotonic() - began
    assert all(status == 0 for _, status in ends)
    assert min(one for one, _ in ends) >= 2
    assert took < 128 / 3, f"{took:.1f} s: the resets ran one after the other"
    assert all(made.counters(vf)["failures"] == 0 for vf in (1, 32, 64))


@pytest.mark.parametrize(
    "lie, doorbell",
    [(1, True), (2, True), (3, False), (4, False), (5, False)],
    ids=["no end", "bad flags", "bad BAR", "odd", "beyond"],
)
def test_wrong_notify_info_reaches_no_other_vf(lie, doorbell, tunnel, guest):
    """Steps: the answer to LEGACY_NOTIFY_INFO is wrong; the guest of VF 1 rings the doorbell of
    every queue.

    Verify: wrong entries are not used, the doorbells reach VF 1 by a right entry or by commands,
    and nothing reaches VF 2 and VF 3. """
    made = tunnel(vfs=3, args=["--fault", f"admin-notify={lie}"])
    assert made.wait_doorbell() == doorbell
    client = guest(made)

    def activity(name):
        fn = made.host.fn(name)
        counters = fn["counters"]
        return (fn["doorbells"], fn["status"], fn["violations"], counters["legacy_doorbells"],
                counters["legacy_owner_doorbells"], counters["register_writes"])

    before = {name: activity(name) for name in ("vf2", "vf3")}
    client.put(vu.STATUS, 3, 1)
    commands = made.commands()
    for queue in range(8):
        client.put(vu.NOTIFY, queue, 2)
    assert made.commands() - commands == (0 if doorbell else 8)
    vf1 = made.host.fn("vf1")["counters"]
    assert made.counters()["doorbells"] == (8 if doorbell else 0)
    assert vf1["legacy_accesses"] == (1 if doorbell else 9)
    assert {name: activity(name) for name in before} == before


def test_reads_return_ones_until_the_admin_queue_works_again(tunnel, guest):
    """Steps: the PF does not answer a command; vsrd resets the PF by itself.

    Verify: reads until then return all ones, and are counted; afterwards the registers have the
    values that they had before.
    """
    made = tunnel()
    client = guest(made)
    client.put(vu.STATUS, 1, 1)
    client.put(vu.QUEUE_SELECT, 1, 2)
    assert made.host.cli("fault", "admin-lose=1").returncode == 0
    assert client.get(vu.FEATURES, 4) == 0xFFFFFFFF
    failures = made.counters()["failures"]
    assert failures == 1
    # Doorbells do not need the PF.
    client.put(vu.NOTIFY, 0, 2)
    assert made.counters()["doorbells"] == 1

    def value():
        nonlocal failures
        read = client.get(vu.QUEUE_SELECT, 2)
        assert read in (1, 0xFFFF)
        failures += read == 0xFFFF
        return read == 1

    wait_for(value, "the next admin queue")
    assert made.counters()["failures"] == failures


def test_reads_return_ones_while_the_pf_refuses_features(tunnel, guest):
    """Steps: the PF refuses all features, so that it has no admin queue after a reset; later it
    accepts features again, and is reset. Verify: before, reads return all ones at once and are
    counted, and doorbells work; afterwards everything works."""
    made = tunnel()
    client = guest(made)
    client.put(vu.STATUS, 1, 1)
    assert made.host.cli("fault", "refuse-features-ok").returncode == 0
    assert made.host.vsrctl("pf", "reset", PF).returncode == 1
    for _ in range(3):
        assert client.get(vu.STATUS, 1) == 0xFF
    client.put(vu.QUEUE_SELECT, 1, 2)
    client.put(vu.NOTIFY, 0, 2)
    counters = made.counters()
    assert counters["failures"] == 4 and counters["doorbells"] == 1
    assert made.host.cli("fault", "none").returncode == 0
    assert made.host.vsrctl("pf", "reset", PF).returncode == 0
    assert client.get(vu.STATUS, 1) == 1
    assert made.counters()["failures"] == 4


def test_guest_goes_on_while_vsrd_is_replaced(forwarding, guest):
    """Steps: kill -9 vsrd five times during traffic, while the guest of another VF reads and writes
    registers all the time.

    Verify: frames cross; each register access has its value, or ones, and each of these is counted;
    afterwards every access works.
    """
    made, pmd, taps = forwarding(vfs=3, served=(1, 3))
    client = guest(made, 3)
    client.put(vu.STATUS, 1, 1)
    stop = threading.Event()
    lost = {"reads": 0, "writes": 0}

    def access():
        while not stop.is_set():
            for queue in (1, 2):
                client.put(vu.QUEUE_SELECT, queue, 2)
                read = client.get(vu.QUEUE_SELECT, 2)
                lost["reads"] += read == 0xFFFF
                lost["writes"] += read not in (queue, 0xFFFF)
            assert client.get(vu.STATUS, 1) in (1, 0xFF)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(access)
        for _ in range(5):
            made.vsrd.kill()
            check_both_ways(taps, few(taps))
        stop.set()
        running.result()
    failures = made.counters(3)["failures"]
    assert failures >= lost["reads"] + lost["writes"]
    client.put(vu.QUEUE_SELECT, 1, 2)
    assert client.get(vu.QUEUE_SELECT, 2) == 1 and client.get(vu.STATUS, 1) == 1
    assert made.counters(3)["failures"] == failures
    assert pmd.quit() == 0


def test_vsrd_that_is_away_costs_one_wait(tunnel, guest):
    """Steps: kill -9 vsrd, whose keeper is stopped; a guest reads registers; let the keeper go on.

    Verify: the first read waits some seconds for the next vsrd, the others do not; all return ones
    and are counted; doorbells work; afterwards the registers have their values.
    """
    made = tunnel()
    client = guest(made)
    client.put(vu.STATUS, 1, 1)
    pid = made.vsrd.pid
    os.kill(made.vsrd.child.pid, signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        for n in range(20):
            assert client.get(vu.STATUS, 1) == 0xFF
            if n == 0:
                assert 1 < time.monotonic() - began < 8
        assert time.monotonic() - began < 10
        client.put(vu.NOTIFY, 0, 2)
        counters = made.counters()
        assert counters["failures"] == 20 and counters["doorbells"] == 1
    finally:
        os.kill(made.vsrd.child.pid, signal.SIGCONT)
    wait_for(lambda: client.get(vu.STATUS, 1) == 1, "the next vsrd")


def test_vsrd_that_does_not_answer_delays_its_guest_only(tunnel, guest):
    """Steps: stop vsrd (SIGSTOP); a guest reads a register, the guest of another VF rings doorbells
    and resets its VF; remove the first guest during another read; continue vsrd.

    Verify: the read ends with ones, the doorbells take no time, the guest is removed in limited
    time; the reset, which has failed, is not made later, and the other guest goes on.
    """
    made = tunnel(served=(1, 2))
    first, second = guest(made), guest(made, 2)
    second.put(vu.STATUS, 1, 1)
    pid = made.vsrd.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            began = time.monotonic()
            read = pool.submit(first.get, vu.STATUS, 1)
            for _ in range(10):
                second.put(vu.NOTIFY, 0, 2)
            assert time.monotonic() - began < 4 and not read.done()
            second.put(vu.STATUS, 0, 1)
            assert read.result() == 0xFF
            assert 4 < time.monotonic() - began < 30
            stuck = pool.submit(first.get, vu.STATUS, 1)
            made.unserve()
            assert time.monotonic() - began < 60
            with pytest.raises((EOFError, ConnectionError)):
                stuck.result()
                first.get(vu.STATUS, 1)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert made.counters(2)["failures"] == 1
    # vsrd finds the calls of before now, and nobody who waits for them.
    for _ in range(20):
        assert second.get(vu.STATUS, 1) == 1


def test_killed_vsr_bridge_shows_its_vfs_again(forwarding):
    """Steps: kill -9 vsr-bridge during traffic; attach the VF again with the next vsr-bridge.

    Verify: testpmd goes on, the VF is reset and has no memory mapped, the next vsr-bridge shows the
    VF on the same socket, with the same access, and frames cross again.
    """
    made, pmd, taps = forwarding()
    check_both_ways(taps, few(taps))
    made.bridge.kill()
    wait_for(lambda: made.host.fn("vf1")["dma_bytes"] == 0, "the guest's memory to be unmapped")
    assert made.host.fn("vf1")["status"] == 0
    assert pmd.driver(0) == "net_virtio"
    pmd.kill()
    made.detach()
    made.bridge.wait_running(1)
    assert made.path().stat().st_mode & 0o777 == 0o600
    made.attach()
    pmd = forwarding.start(made)
    check_both_ways(taps, few(taps))
    assert pmd.quit() == 0


# ---------------------------------------------------------------- users of a served VF


def test_served_vf_is_assigned(tunnel, guest):
    """Verify: VFs are not destroyed and the PF is not released while a VF is served, with or
    without a guest; the message names the user, after whose end the VFs can be destroyed."""
    made = tunnel()
    for with_guest in (False, True):
        if with_guest:
            guest(made)
        for method in ("vf.destroy", "pf.release", "token.rotate"):
            with pytest.raises(Refused) as refusal:
                made.vsrd.call(method, pf=PF)
            assert refusal.value.errno == "EBUSY"
            assert "in use by vsr-bridge" in refusal.value.message
            assert refusal.value.data["users"][0]["vf"] == 1
    assert [vf["assigned"] for vf in made.vsrd.call("vf.show", pf=PF)["vfs"]] == [True, False]
    made.unserve()
    assert not made.path().exists()
    made.host.destroy_vfs()


def test_guest_that_disconnects_leaves_nothing_behind(tunnel, guest):
    """Steps: a guest maps memory, sets a status, and disconnects; another guest connects.

    Verify: the memory is unmapped, the VF is reset, events are sent; only one guest at a time.
    """
    made = tunnel()
    listener = made.bridge.client()
    listener.call("events.subscribe")
    client = guest(made)
    assert made.vsrd.wait_event(listener, "guest_connected")["vf"] == 1
    client.map_memory(0x100000, 0x200000)
    client.put(vu.STATUS, 3, 1)
    assert made.host.fn("vf1")["dma_bytes"] == 0x200000
    assert made.host.fn("vf1")["status"] == 3 and made.connected()
    with pytest.raises(OSError):
        guest(made)
    client.close()
    assert made.vsrd.wait_event(listener, "guest_left")["vf"] == 1
    assert not made.connected()
    assert made.host.fn("vf1")["dma_bytes"] == 0 and made.host.fn("vf1")["status"] == 0
    client = guest(made)
    assert client.get(vu.STATUS, 1) == 0


def test_guest_that_left_keeps_nothing_of_the_function(tunnel, guest):
    """Steps: a guest asks for the descriptors of all regions, and leaves without closing what it
    got; the next guest connects and leaves; the VF is not served any more.

    Verify: no region can be mapped and the guest has no descriptor, so that it can neither ring a
    doorbell nor reset the VF later; the VF is free: it can be served again, and destroyed.
    """
    made = tunnel()
    first = guest(made)
    maps = [region for region in range(vu.NB_REGIONS) if first.region_flags(region) & vu.MMAP]
    first.close()
    try:
        wait_for(lambda: not made.connected(), "vsr-bridge to see the guest leave")
        guest(made).close()
        made.unserve()
        assert [vf["assigned"] for vf in made.vsrd.call("vf.show", pf=PF)["vfs"]] == [False, False]
        made.serve()
        made.unserve()
        made.host.destroy_vfs()
        assert (first.kept, maps) == ([], [])
    finally:
        first.drop()


def test_impossible_maps_are_refused(tunnel, guest):
    """Verify: an overlap, a range outside of the IOMMU, a file that is too short
    or no memory, too many maps, and
    unmapping a part or nothing are refused with an errno; earlier maps stay."""
    made = tunnel()
    client = guest(made)
    assert client.limits["max_dma_maps"] == MAPS_PROMISED
    client.map_memory(0x100000, 0x100000)
    for iova, error in ((0x180000, errno.EEXIST), (0xFEE00000, errno.EINVAL)):
        with pytest.raises(OSError) as refusal:
            client.map_memory(iova, 0x1000)
        assert refusal.value.errno == error
    with pytest.raises(OSError) as refusal:
        client.map_memory(0x300000, 0x2000, in_file=0x1000)
    assert refusal.value.errno == errno.EFAULT
    with open("/dev/zero", "r+b") as file, pytest.raises(OSError) as refusal:
        client.map_file(0x300000, 0x1000, file.fileno())
    assert refusal.value.errno == errno.EINVAL
    made.bridge.child.expect("its guest maps a file that is no memory")
    for iova, size, error in ((0x180000, 0x1000, errno.EINVAL), (0x80000, 0x100000, errno.EINVAL),
                              (0x100000, 0xFF000, errno.EINVAL), (0x300000, 0x1000, errno.ENOENT)):
        with pytest.raises(OSError) as refusal:
            client.unmap_memory(iova, size)
        assert refusal.value.errno == error
    assert made.host.fn("vf1")["dma_bytes"] == 0x100000
    with pytest.raises(OSError) as refusal:
        for n in range(MAPS_MAX):
            os.close(client.map_memory(0x1000000 + n * 0x1000, 0x1000))
    assert refusal.value.errno == errno.ENOSPC and n == MAPS_MAX - 1
    mapped = 0x100000 + n * 0x1000
    assert made.host.fn("vf1")["dma_bytes"] == mapped
    client.reset()
    assert made.host.fn("vf1")["dma_bytes"] == mapped


def test_descriptor_that_is_no_eventfd_costs_no_vector(tunnel, guest, tmp_path):
    """Steps: a guest connects vectors 0 and 1, then vectors 1 and 2, of which one gets a file.

    Verify: the second request is refused; the two vectors still signal, and vector 2 can be
    connected afterwards."""
    made = tunnel()
    client = guest(made)
    events = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3)]
    with open(tmp_path / "file", "w", encoding="utf-8") as file:
        client.connect_vectors(0, events[:2])
        for fds in ([events[1], file.fileno()], [file.fileno(), events[2]]):
            with pytest.raises(OSError) as refusal:
                client.connect_vectors(1, fds)
            assert refusal.value.errno == errno.EINVAL
            for vector in (0, 1):
                client.trigger_vector(vector)
                wait_for(lambda fd=events[vector]: select.select([fd], [], [], 0)[0],
                         f"vector {vector} to signal")
                assert os.eventfd_read(events[vector]) == 1
    client.connect_vectors(2, events[2:])
    client.trigger_vector(2)
    wait_for(lambda: select.select(events[2:], [], [], 0)[0], "vector 2 to signal")
    for fd in events:
        os.close(fd)


def test_guest_maps_no_more_memory_than_it_may(tunnel, guest):
    """Steps: each guest may map 2 MiB; a guest maps two times 1 MiB, then one page, and gives back
    1 MiB. Verify: the page is refused with ENOMEM until there is room; other guests have their
    own 2 MiB."""
    made = tunnel(served=(1, 2), options=["--guest-memory", "2"])
    client = guest(made)
    for iova in (0x100000, 0x200000):
        client.map_memory(iova, 0x100000)
    with pytest.raises(OSError) as refusal:
        client.map_memory(0x1000000, 0x1000)
    assert refusal.value.errno == errno.ENOMEM
    guest(made, 2).map_memory(0x100000, 0x200000)
    client.unmap_memory(0x100000, 0x100000)
    client.map_memory(0x1000000, 0x1000)
    assert made.host.fn("vf1")["dma_bytes"] == 0x101000
    done = subprocess.run([BRIDGE, "--guest-memory", "0"], capture_output=True, text=True,
                          timeout=SLOW)
    assert done.returncode == 2 and "--guest-memory" in done.stderr


@pytest.mark.parametrize("soft", [64, 350], ids=["low soft limit", "limit"])
def test_vf_is_served_only_while_its_open_files_are_left(soft, sim, closing):
    """Steps: the hard limit of open files of vsr-bridge is 350; show 8 VFs. Verify: the low soft
    limit does not matter; the VFs that can have all their vectors are shown, and the others are
    refused with a sentence that says what to raise; a guest that is removed makes room."""
    host = sim(vfs=8)
    vsrd = closing(Vsrd(host)).start()
    host.create_vfs(8)
    bridge = closing(Bridge(host))
    bridge.command = ["prlimit", f"--nofile={soft}:350", *bridge.command]
    made = Tunnel(host, vsrd, bridge.start())
    done = [made.add(vf, made.path(vf)) for vf in range(1, 9)]
    served = [vf for vf, one in enumerate(done, 1) if one.returncode == 0]
    assert 0 < len(served) < 8 and served == list(range(1, len(served) + 1))
    for one in done[len(served):]:
        assert "open files" in one.stderr and "LimitNOFILE" in one.stderr
    made.unserve()
    made.serve(8)


def test_unbound_vf_waits_and_is_shown_again(tunnel, guest):
    """Steps: unbind the VF while a guest uses it; bind it again. Verify: the unbinding ends, the
    connection of the guest ends, the socket is removed, an event is sent, and the guest is shown
    as one that waits, with the reason; afterwards the VF is shown on the same socket."""
    made = tunnel()
    client = guest(made)
    listener = made.bridge.client()
    listener.call("events.subscribe")
    made.host.write("0000:01:00.1", "bus/pci/drivers/vfio-pci/unbind")
    assert made.vsrd.wait_event(listener, "guest_revoked")["vf"] == 1
    with pytest.raises((EOFError, ConnectionError)):
        client.get(vu.STATUS, 1)
    wait_for(lambda: made.bridge.show(1)["state"] == "waiting", "the guest to wait")
    assert not made.path().exists() and made.bridge.show(1)["reason"]
    made.host.write("0000:01:00.1", "bus/pci/drivers/vfio-pci/bind")
    made.bridge.wait_running(1)
    assert guest(made).get(vu.STATUS, 1) == 0


def test_wrong_wishes_are_refused_with_one_sentence(tunnel, tmp_path):
    made = tunnel()
    host = made.host
    file = tmp_path / "file"
    file.write_text("mine")
    for vf, path, words in (
        (1, made.path(9), "has a guest already"),
        (2, made.path(1), "is the socket of VF 1"),
        (3, made.path(9), "no VF 3"),
        (2, file, "on"),
        (2, "/" + 120 * "x", "characters"),
        (2, "/nonexistent/dir", "No such file"),
    ):
        refused(made.add(vf, path), words)
    assert file.read_text() == "mine"
    add = ("guest", "add", PF, 2)
    on = ("--vfio-user", made.path(2))
    for options, words in (
        (on, "--variant legacy"),
        ((*on, "--variant", "auto"), "variant auto"),
        ((*on, "--variant", "plain"), "variant plain"),
        ((*on, "--variant", "migratable"), "variant migratable"),
        ((*on, "--variant", "x"), "no variant"),
        ((*on, "--variant", "legacy", "--vhost-user", made.path(3)), "--vhost-user"),
        (("--vhost-user", made.path(2), "--variant", "legacy"), "--variant"),
        (("--variant", "legacy"), "--vfio-user"),
    ):
        refused(host.vsrctl(*add, *options), words)
    for option in (("--client",), ("--server",), ("--queues", "2"), ("--mac", "52:54:00:00:00:01"),
                   ("--mode", "relay"), ("--doorbell", "mapped")):
        refused(host.vsrctl(*add, *on, "--variant", "legacy", *option), option[0])
    for name, value in (("role", "server"), ("queues", 1), ("mac", ""), ("mode", "direct"),
                        ("doorbell", "relayed"), ("kind", "none"), ("variant", 1)):
        with pytest.raises(Refused):
            made.bridge.call("guest.add", **{"pf": PF, "vf": 2, "socket": str(made.path(2)),
                                             "kind": "vfio-user", "variant": "legacy", name: value})
    taken = socket.socket(socket.AF_UNIX)
    taken.bind(str(made.path(3)))
    taken.listen()
    refused(made.add(2, made.path(3)), "Address already in use")
    taken.close()
    refused(host.vsrctl("guest", "remove", PF, 2), "has no guest")
    assert made.path().stat().st_mode & 0o777 == 0o600
    assert [one["vf"] for one in made.bridge.guests()] == [1]
    # The VF of all these is free, and a path without a slash is one in the folder of vsrctl.
    done = made.add(2, os.path.relpath(made.path(2)))
    assert done.returncode == 0 and made.path(2).exists(), done.stderr


def test_a_guest_is_added_shown_and_removed(tunnel, guest):
    """Verify: the answer has the options for QEMU, which a shell takes for words; list, show and
    stats print what runs, as text and as JSON."""
    made = tunnel(served=())
    host = made.host
    path = host.dir / "it's, 1"
    done = made.add(1, path)
    assert done.returncode == 0, done.stderr
    words = shlex.split(" ".join(line.strip() for line in done.stdout.splitlines()[2:]))
    options = dict(zip(words[::2], words[1::2]))
    assert "share=on" in options["-object"]
    assert json.loads(options["-device"]) == {
        "driver": "vfio-user-pci", "socket": {"type": "unix", "path": str(path)}}
    made.wait_doorbell()
    rows = host.vsrctl("guest", "list").stdout
    assert re.search(rf"{PF} +1 +no front end +legacy +- +{path}", rows)
    client = Guest(path).open_ports()
    client.get(vu.STATUS, 1)
    os.close(client.map_memory(0, 1 << 20))
    seen = shown(host, "guest", "show", PF, 1)
    assert seen["kind"] == "vfio-user" and seen["variant"] == "legacy" and seen["running"]
    assert seen["doorbell"] == "written" and seen["registers"]["reads"] == 1
    assert seen["front_end"] == {"connected": True, "regions": 1, "memory": 1 << 20,
                                 "connections": 1}
    text = host.vsrctl("guest", "show", PF, 1).stdout
    assert "1 MiB of memory in 1 regions" in text and "shown as:  legacy" in text, text
    assert shown(host, "guest", "stats", PF, 1)["registers"]["reads"] == 1
    assert re.search("reads +1\n", host.vsrctl("guest", "stats", PF, 1).stdout)
    assert "running" in host.vsrctl("guest", "list").stdout
    made.unserve()
    with pytest.raises((EOFError, ConnectionError)):
        client.get(vu.STATUS, 1)
    assert not path.exists() and made.bridge.guests() == []


def test_an_old_state_file_still_reads(sim, closing):
    """Verify: guests of a file of version 1, which knows no kinds, come back on vhost-user."""
    host = sim(vfs=2)
    closing(Vsrd(host)).start()
    host.create_vfs(2)
    bridge = closing(Bridge(host))
    old = {"pf": PF, "vf": 1, "socket": str(bridge.path(1)), "role": "server", "queues": 1,
           "mac": "", "mode": "direct", "doorbell": "relayed", "uid": 0,
           "access": {"uid": -1, "gid": -1, "mode": 0o600}}
    bridge.state.write_text(json.dumps({"version": 1, "guests": [old]}))
    bridge.state.chmod(0o600)
    bridge.start().wait_running(1)
    assert bridge.show(1)["kind"] == "vhost-user"
    Tunnel(host, None, bridge).serve(2)
    state = json.loads(bridge.state.read_text())
    assert state["version"] > 1
    assert [one["kind"] for one in state["guests"]] == ["vhost-user", "vfio-user"]


def test_guests_of_both_kinds_go_on_beside_each_other(tunnel, guest):
    """Steps: guests on vhost-user and on vfio-user; the device answers no command of the admin
    queue, and a guest on vfio-user reads its registers; vsr-bridge is killed. Verify: frames of the
    guests on vhost-user cross meanwhile, and guests of both kinds come back."""
    made = tunnel(vfs=4, served=(1,), wires={"vf3": "peer:vf4"})
    for vf in (3, 4):
        made.bridge.add(vf)

    def crosses(number):
        frame = frame_to("ff:ff:ff:ff:ff:ff", f"02:00:00:00:00:{number:02x}")
        fronts[0].transmit(frame)
        assert fronts[1].receive() == frame

    for _ in range(2):
        fronts = [FrontEnd(made.bridge.path(vf)) for vf in (3, 4)]
        for vf, front in zip((3, 4), fronts):
            front.start()
            wait_for(lambda vf=vf: made.bridge.show(vf)["running"], "the VF of the guest")
        fronts[1].fill()
        client = guest(made)
        crosses(1)
        assert made.host.cli("fault", "admin-eagain=1000000000").returncode == 0
        client.send_reads(vu.BAR0, 0, 20, 4)
        for number in range(2, 20):
            crosses(number)
        assert made.host.cli("fault", "none").returncode == 0
        for front in fronts:
            front.close()
        client.close()
        made.bridge.kill()
        made.bridge.wait_running(1, 3, 4)


def test_of_two_clients_at_once_one_gets_the_vf(tunnel):
    made = tunnel(served=())

    def add(kind):
        wish = {"kind": "vfio-user", "variant": "legacy"} if kind % 2 else {}
        try:
            made.bridge.call("guest.add", pf=PF, vf=1, socket=str(made.path(kind)), **wish)
            return 1
        except Refused as reason:
            assert reason.errno == "EEXIST", reason
            return 0

    for _ in range(5):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(add, range(8))) == 1
        made.unserve()


def test_without_an_admin_queue_nothing_is_served(sim, closing):
    host = sim(profile="ifc", vfs=2)
    vsrd = closing(Vsrd(host)).start()
    host.create_vfs(1)
    made = Tunnel(host, vsrd, closing(Bridge(host)).start())
    refused(made.add(1, host.dir / "guest"), "admin queue")
    assert made.bridge.guests() == []


def test_sockets_of_a_named_user_are_its_own_and_in_its_own_folder(sim, closing):
    """Steps: a user whom --allow-uid names asks for guest sockets in several folders; root asks for
    one with a group and a mode.

    Verify: the user gets and can use a socket in its own folder, also by a link to this folder, and
    nowhere else; only root can name an owner.
    """
    host = sim(vfs=2)
    user = 65533
    use = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
    talk = use + "s.sendall(sys.argv[2].encode() + b'\\n')\nprint(s.recv(4096).decode())"

    def by_user(*args):
        return subprocess.run(["/usr/bin/python3", "-c", *args], user=user, group=user,
                              capture_output=True, text=True, timeout=SLOW, check=False)

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        own, alien = pathlib.Path(folder, "own"), pathlib.Path(folder, "alien")
        own.mkdir(mode=0o700)
        alien.mkdir(mode=0o777)
        os.chmod(alien, 0o777)
        os.chown(own, user, user)
        pathlib.Path(own, "trap").symlink_to(alien)
        link = pathlib.Path(folder, "link")
        link.symlink_to(own)
        sock = f"{folder}/sock"
        closing(Vsrd(host)).start()
        host.create_vfs(2)
        bridge = closing(Bridge(host, args=["--socket", sock, "--allow-uid", str(user)])).start()
        bridge.socket = pathlib.Path(sock)
        kind = {"kind": "vfio-user", "variant": "legacy"}

        def serve(vf, path, **more):
            request = {"jsonrpc": "2.0", "id": 1, "method": "guest.add",
                       "params": {"pf": PF, "vf": vf, "socket": str(path), **kind, **more}}
            return by_user(talk, sock, json.dumps(request)).stdout

        for place in ("/etc/x.sock", alien / "x", own / "trap" / "x", pathlib.Path(folder, "x")):
            assert "EPERM" in serve(1, place) and "own folders" in serve(1, place)
            assert not os.path.lexists(place)
        assert "only root" in serve(1, own / "x", owner="0")
        assert '"result"' in serve(1, link / "x")
        made = (own / "x").stat()
        assert stat.S_ISSOCK(made.st_mode) and made.st_uid == user
        assert stat.S_IMODE(made.st_mode) == 0o600
        assert by_user(use, str(own / "x")).returncode == 0
        bridge.remove(1)
        assert not (own / "x").exists()
        path = pathlib.Path(folder, "y")
        bridge.call("guest.add", pf=PF, vf=1, socket=str(path), group=str(user),
                    socket_mode="0660", **kind)
        assert (path.stat().st_uid, path.stat().st_gid) == (0, user)
        assert by_user(use, str(path)).returncode == 0
        for name, value in {"owner": "no such user", "group": "-1", "socket_mode": "0999"}.items():
            with pytest.raises(Refused):
                bridge.call("guest.add", pf=PF, vf=2, socket=f"{folder}/z", **kind,
                            **{name: value})
        assert not os.path.lexists(f"{folder}/z")


# ---------------------------------------------------------------- vsr-sim attach


def test_attach_and_detach_report_errors(tunnel, guest):
    made = tunnel()
    for args, words in (
        (("attach", "nonsense", made.path()), "not a PCI address"),
        (("attach", PF, made.path()), "already"),
        (("attach", SHOWN, "/nonexistent"), "No such file"),
        (("detach", SHOWN), "does not exist"),
        (("detach", PF), "not attached"),
    ):
        done = made.host.cli(*args)
        assert done.returncode == 1 and words in done.stderr, done.stderr
    client = guest(made)
    done = made.host.cli("attach", SHOWN, made.path())
    assert done.returncode == 1 and "another client" in done.stderr
    client.close()
    wait_for(lambda: not made.connected(), "vsr-bridge to see the guest leave")
    made.attach()
    fn = made.host.sysfs("bus/pci/devices", SHOWN)
    assert (fn / "vendor").read_text() == "0x1af4\n" and (fn / "device").read_text() == "0x1000\n"
    start, end, flags = (int(word, 16) for word in (fn / "resource").read_text().split()[:3])
    assert end - start == 63 and start >= 0xC000 and flags & 0x100
    assert made.host.stop() == 0


def test_process_that_does_not_answer_delays_no_other_function(tunnel):
    """Steps: stop vsr-bridge (SIGSTOP) and read a register of the attached function; meanwhile read
    files of it and of the PF; continue vsr-bridge.

    Verify: the other reads end at once, the read of the register ends with an error in some
    seconds; detached and attached again, the function works.
    """
    made = tunnel()
    made.attach()
    devices = made.host.sysfs("bus/pci/devices")
    pid = made.bridge.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            began = time.monotonic()
            stuck = pool.submit((devices / SHOWN / "config").read_bytes)
            for name in (PF, SHOWN):
                assert (devices / name / "vendor").read_text() == "0x1af4\n"
            assert (devices / PF / "config").read_bytes()[:2] == b"\xf4\x1a"
            assert time.monotonic() - began < 4 and not stuck.done()
            with pytest.raises(OSError):
                stuck.result()
            assert 4 < time.monotonic() - began < 30
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not made.connected(), "vsr-bridge to see the end of the connection")
    made.detach()
    made.attach()
    assert (devices / SHOWN / "config").read_bytes()[:4] == b"\xf4\x1a\x00\x10"
