# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""VFs that vsrd shows to guests as transitional functions.

The guest is Debian's dpdk-testpmd with the legacy path of DPDK's own net_virtio: the simulated host
attaches the function from the vfio-user socket of vsrd. Tests that count commands per register
access use a minimal guest instead, which reads and writes single registers.
"""

import concurrent.futures
import errno
import os
import re
import select
import signal
import subprocess
import threading
import time

import pytest

from framework import vfio_user as vu
from framework.frames import check_crossing, frame_to, frames_of_all_sizes
from framework.sim import PF
from framework.sleeper import check_wakes
from framework.vfio_user import Guest
from framework.vsrd import VSRD, Refused, Vsrd
from framework.wait import wait_for

SHOWN = "0000:02:00.0"  # address of the transitional function
VF2 = "0000:01:00.2"
MAPS_MAX, MAPS_PROMISED = 4096, 128  # of a guest
LEGACY = 1  # port of the transitional function: EAL sorts ports by address


class Tunnel:
    """A simulated host, and a vsrd that serves some of its VFs."""

    def __init__(self, host, vsrd):
        self.host, self.vsrd = host, vsrd

    def path(self, vf=1):
        return self.host.dir / f"guest{vf}"

    def serve(self, vf=1):
        done = self.host.vsrctl("legacy", "serve", PF, vf, self.path(vf))
        assert done.returncode == 0, done.stderr
        return self

    def attach(self, vf=1, bdf=SHOWN):
        done = self.host.cli("attach", bdf, self.path(vf))
        assert done.returncode == 0, done.stderr
        return bdf

    def detach(self, bdf=SHOWN):
        done = self.host.cli("detach", bdf)
        assert done.returncode == 0, done.stderr

    def counters(self, vf=1) -> dict:
        """The counters of vsrd for a VF that it serves."""
        (one,) = [s for s in self.vsrd.call("legacy.served", pf=PF)["served"] if s["vf"] == vf]
        return one

    def commands(self) -> int:
        """Number of admin commands for legacy registers."""
        ops = self.vsrd.call("admin.stats", pf=PF)["opcodes"]
        return sum(op["commands"] for op in ops if 2 <= op["opcode"] <= 6)

    def all_commands(self) -> int:
        return sum(q["commands"] for q in self.vsrd.call("admin.stats", pf=PF)["queues"])


@pytest.fixture
def tunnel(sim, closing):
    """tunnel(vfs=2, served=[1], ...): a vsrd with VFs, of which it serves some. options: arguments
    of vsrd; conf: those of Sim."""

    def make(vfs=2, served=(1,), keeper=True, options=(), **conf):
        host = sim(vfs=vfs, **conf)
        vsrd = closing(Vsrd(host, keeper=keeper, args=["--pf", PF, *options])).start()
        host.create_vfs(vfs)
        made = Tunnel(host, vsrd)
        for vf in served:
            made.serve(vf)
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
    Verify: vsrd sees the guest leave; frames cross with the other testpmd."""
    made, pmd, taps = forwarding()
    check_both_ways(taps, few(taps))
    made.detach()
    assert not made.host.sysfs("bus/pci/devices", SHOWN).exists()
    wait_for(lambda: not made.counters()["guest"], "vsrd to see the guest leave")
    assert made.host.fn("vf1")["dma_bytes"] == 0
    pmd.kill()
    made.attach()
    pmd = forwarding.start(made)
    check_both_ways(taps, few(taps))
    assert pmd.quit() == 0


def test_modern_driver_uses_no_tunnel(tunnel, testpmd, closing):
    """Steps: stop serving VF 1; net_vsr forwards frames on it, while VF 2 is still served. Verify:
    no command for a legacy register."""
    made = tunnel(taps=("vf1",), served=(1, 2))
    assert made.host.vsrctl("legacy", "unserve", PF, 1).returncode == 0
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
    assert made.counters()["doorbell"] == doorbell
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


def test_killed_vsrd_leaves_the_vf_reset_and_free(forwarding):
    """Steps: kill -9 vsrd during traffic; serve and attach the VF again with the next vsrd.

    Verify: testpmd goes on, the VF is reset and has no memory mapped, and frames cross again.
    """
    made, pmd, taps = forwarding()
    check_both_ways(taps, few(taps))
    made.vsrd.kill()
    wait_for(lambda: made.host.fn("vf1")["dma_bytes"] == 0, "the guest's memory to be unmapped")
    assert made.host.fn("vf1")["status"] == 0
    assert pmd.driver(0) == "net_virtio"
    assert made.vsrd.call("legacy.served") == {"served": []}
    pmd.kill()
    made.detach()
    made.serve().attach()
    pmd = forwarding.start(made)
    check_both_ways(taps, few(taps))
    assert pmd.quit() == 0


# ---------------------------------------------------------------- users of a served VF


def test_served_vf_is_assigned(tunnel, guest):
    """Verify: VFs are not destroyed and the PF is not released while a VF is served, with or
    without a guest; the message names a command, after which the VFs can be destroyed."""
    made = tunnel()
    for with_guest in (False, True):
        if with_guest:
            guest(made)
        for method in ("vf.destroy", "pf.release", "token.rotate"):
            with pytest.raises(Refused) as refusal:
                made.vsrd.call(method, pf=PF)
            assert refusal.value.errno == "EBUSY"
            assert f"vsrctl legacy unserve {PF} 1" in refusal.value.message
            assert refusal.value.data["users"][0]["vf"] == 1
    assert [vf["assigned"] for vf in made.vsrd.call("vf.show", pf=PF)["vfs"]] == [True, False]
    assert made.host.vsrctl("legacy", "unserve", PF, 1).returncode == 0
    assert not made.path().exists()
    made.host.destroy_vfs()


def test_guest_that_disconnects_leaves_nothing_behind(tunnel, guest):
    """Steps: a guest maps memory, sets a status, and disconnects; another guest connects.

    Verify: the memory is unmapped, the VF is reset, events are sent; only one guest at a time.
    """
    made = tunnel()
    listener = made.vsrd.client()
    listener.call("events.subscribe")
    client = guest(made)
    assert made.vsrd.wait_event(listener, "guest_connected")["vf"] == 1
    client.map_memory(0x100000, 0x200000)
    client.put(vu.STATUS, 3, 1)
    assert made.host.fn("vf1")["dma_bytes"] == 0x200000
    assert made.host.fn("vf1")["status"] == 3 and made.counters()["guest"]
    with pytest.raises(OSError):
        guest(made)
    client.close()
    assert made.vsrd.wait_event(listener, "guest_left")["vf"] == 1
    assert not made.counters()["guest"]
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
        wait_for(lambda: not made.counters()["guest"], "vsrd to see the guest leave")
        guest(made).close()
        done = made.host.vsrctl("legacy", "unserve", PF, 1)
        assert done.returncode == 0, done.stderr
        assert [vf["assigned"] for vf in made.vsrd.call("vf.show", pf=PF)["vfs"]] == [False, False]
        made.serve()
        assert made.host.vsrctl("legacy", "unserve", PF, 1).returncode == 0
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
    made.vsrd.child.expect("its guest maps a file that is no memory")
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
    done = subprocess.run([VSRD, "--guest-memory", "0"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "--guest-memory" in done.stderr


@pytest.mark.parametrize("soft", [64, 350], ids=["low soft limit", "limit"])
def test_vf_is_served_only_while_its_open_files_are_left(soft, sim, closing):
    """Steps: the hard limit of open files of vsrd is 350; serve 8 VFs. Verify: the low soft limit
    does not matter; the VFs that can have all their vectors are served, and the others are refused
    with a sentence that says what to raise; a VF that is served no more makes room."""
    host = sim(vfs=8)
    vsrd = closing(Vsrd(host))
    vsrd.command = ["prlimit", f"--nofile={soft}:350", *vsrd.command]
    vsrd.start()
    host.create_vfs(8)
    made = Tunnel(host, vsrd)
    done = [host.vsrctl("legacy", "serve", PF, vf, made.path(vf)) for vf in range(1, 9)]
    served = [vf for vf, one in enumerate(done, 1) if one.returncode == 0]
    assert 0 < len(served) < 8 and served == list(range(1, len(served) + 1))
    for one in done[len(served):]:
        assert "open files" in one.stderr and "LimitNOFILE" in one.stderr
    assert host.vsrctl("legacy", "unserve", PF, 1).returncode == 0
    made.serve(8)


def test_unbound_vf_is_no_longer_served(tunnel, guest):
    """Steps: unbind the VF while vsrd serves it. Verify: the unbinding ends, the connection of the
    guest ends, the socket is removed, an event is sent."""
    made = tunnel()
    client = guest(made)
    listener = made.vsrd.client()
    listener.call("events.subscribe")
    made.host.write("0000:01:00.1", "bus/pci/drivers/vfio-pci/unbind")
    assert made.vsrd.wait_event(listener, "vf_unserved")["vf"] == 1
    with pytest.raises((EOFError, ConnectionError)):
        client.get(vu.STATUS, 1)
    assert made.vsrd.call("legacy.served") == {"served": []}
    assert not made.path().exists()


def test_wrong_arguments_of_serve_are_refused(tunnel, tmp_path):
    made = tunnel()
    file = tmp_path / "file"
    file.write_text("mine")
    for vf, path, words in (
        (1, made.path(9), "served already"),
        (3, made.path(9), "no VF 3"),
        (2, file, "on"),
        (2, "/" + 120 * "x", "long"),
        (2, "/nonexistent/dir", "No such file"),
    ):
        done = made.host.vsrctl("legacy", "serve", PF, vf, path)
        lines = [line for line in done.stderr.splitlines() if line.startswith("vsrctl: ")]
        assert done.returncode == 1 and len(lines) == 1 and words in lines[0], done.stderr
    assert file.read_text() == "mine"
    assert made.path().stat().st_mode & 0o777 == 0o600
    done = made.host.vsrctl("legacy", "unserve", PF, 2)
    assert done.returncode == 1 and "not served" in done.stderr
    assert re.search(rf"{PF} +1 .* no +{made.path()}", made.host.vsrctl("legacy", "served").stdout)


def test_without_an_admin_queue_nothing_is_served(sim, closing):
    host = sim(profile="ifc", vfs=2)
    closing(Vsrd(host)).start()
    host.create_vfs(1)
    done = host.vsrctl("legacy", "serve", PF, 1, host.dir / "guest")
    assert done.returncode == 1 and "admin queue" in done.stderr


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
    wait_for(lambda: not made.counters()["guest"], "vsrd to see the guest leave")
    made.attach()
    fn = made.host.sysfs("bus/pci/devices", SHOWN)
    assert (fn / "vendor").read_text() == "0x1af4\n" and (fn / "device").read_text() == "0x1000\n"
    start, end, flags = (int(word, 16) for word in (fn / "resource").read_text().split()[:3])
    assert end - start == 63 and start >= 0xC000 and flags & 0x100
    assert made.host.stop() == 0


def test_process_that_does_not_answer_delays_no_other_function(tunnel):
    """Steps: stop vsrd (SIGSTOP) and read a register of the attached function; meanwhile read files
    of it and of the PF; continue vsrd.

    Verify: the other reads end at once, the read of the register ends with an error in some
    seconds; detached and attached again, the function works.
    """
    made = tunnel()
    made.attach()
    devices = made.host.sysfs("bus/pci/devices")
    pid = made.vsrd.pid
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
    wait_for(lambda: not made.counters()["guest"], "vsrd to see the end of the connection")
    made.detach()
    made.attach()
    assert (devices / SHOWN / "config").read_bytes()[:4] == b"\xf4\x1a\x00\x10"
