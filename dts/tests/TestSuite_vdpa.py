# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vdpa_vsr: guests on VFs through vhost-user."""

import os
import signal
import struct
import time

import pytest

from framework import paths
from framework.frames import check_crossing, flows, frames_of_all_sizes
from framework.vhost_user import FrontEnd, Region
from framework.vdpa import GUESTS, PLUGIN, VdpaServe, VirtioUser
from framework.wait import wait_for

INTEROP = None


@pytest.fixture
def vdpa(closing):
    """vdpa(host, {address: further arguments}): start vdpa_serve."""

    def make(host, devices, eal=()):
        return closing(VdpaServe(host, devices, eal)).start()

    return make


@pytest.fixture
def guest(closing):
    """guest(host, socket, options=..., args=...): a virtio-user, at its first prompt."""

    def make(host, socket, **conf):
        return closing(VirtioUser(host, socket, **conf)).start()

    return make


GUEST_MAC, WIRE_MAC = "02:00:00:00:00:07", "02:00:00:00:00:08"
MAC = f"mac={GUEST_MAC}"


def wait_running(serve, bdf, mode="direct"):
    """Wait until the guest runs. Returns the state of its device."""

    def runs():
        info = serve.info(bdf)
        assert info["reason"] == "", info["reason"]
        return info if info["running"] == mode else None

    return wait_for(runs, f"{bdf} runs its guest")


def check_clean(host):
    """No rule was broken. DPDK's virtio-user sends back the header that it received (C099)."""
    found = {rule for rule in host.violations() if not rule.endswith("_C099")}
    assert not found, found


# ------------------------------------------------------------ which driver has a device


@pytest.mark.parametrize("order", ["net first", "vdpa first"])
def test_each_driver_has_the_devices_of_its_class(order, sim, testpmd):
    """Steps: load both drivers, in both orders; give VF 1 class=vdpa, VF 2 class=net, VF 3 none.

    Verify: vdpa_vsr has VF 1 and no other, net_vsr has VF 2 and VF 3 as ports.
    """
    host = sim(vfs=3)
    one, two, three = host.create_vfs(3)
    plugins = [paths.plugin(), paths.plugin(PLUGIN)]
    if order == "vdpa first":
        plugins.reverse()
    pmd = testpmd(host, [f"{one},class=vdpa", f"{two},class=net", three],
                  eal=[word for plugin in plugins for word in ("-d", plugin)])
    assert f"Probe PCI driver: vdpa_vsr (1af4:1041) device: {one}" in pmd.child.output
    for vf in (two, three):
        assert f"Probe PCI driver: net_vsr (1af4:1041) device: {vf}" in pmd.child.output
    for port in range(2):
        assert pmd.driver(port) == "net_vsr"
    assert "Invalid port 2" in pmd.info(2)
    assert pmd.quit() == 0


def test_net_vsr_alone_leaves_a_vdpa_device(sim, testpmd):
    """Steps: load net_vsr only, with a device of class=vdpa and one without a class.

    Verify: net_vsr has a port for the second, and has not opened the first.
    """
    host = sim(vfs=2)
    one, two = host.create_vfs(2)
    pmd = testpmd(host, [f"{one},class=vdpa", two], vsr=True)
    drivers = [pmd.driver(port) for port in range(2) if "Invalid port" not in pmd.info(port)]
    assert drivers.count("net_vsr") == 1 and pmd.mac(drivers.index("net_vsr")).endswith("02")
    assert pmd.quit() == 0


def test_an_unknown_class_is_refused(sim, testpmd):
    """Steps: load both drivers, with a device of class=disk.

    Verify: net_vsr says which argument is wrong.
    """
    host = sim(vfs=1)
    (vf,) = host.create_vfs(1)
    pmd = testpmd.unstarted(host, [f"{vf},class=disk"],
                            eal=["-d", paths.plugin(), "-d", paths.plugin(PLUGIN)])
    pmd.launch().child.expect("device argument class has a bad value")


def test_a_device_says_what_it_has(sim, vdpa):
    """Steps: start vdpa_serve on two VFs, one of them with mode=relay.

    Verify: the state has address, link and features of the VF, and no guest; the mode can be
    changed; a device that was removed is gone.
    """
    host = sim(vfs=2, queue_pairs=3)
    one, two = host.create_vfs(2)
    serve = vdpa(host, {one: [], two: ["mode=relay"]})
    info = serve.info(one)
    assert info["wanted"] == "direct" and info["running"] == "none" and info["reason"] == ""
    assert info["vid"] == -1 and info["max_pairs"] == 3 and info["link_up"]
    assert info["mac"] == "02:76:73:72:00:01" and info["mtu"] == 1500
    version_1, access_platform = 1 << 32, 1 << 33
    assert info["features_device"] & version_1 and info["features_device"] & access_platform
    assert info["features_offered"] & version_1
    assert not info["features_offered"] & access_platform
    assert serve.info(two)["wanted"] == "relay"
    assert serve.ask(f"mode {two} direct")["result"] == 0
    assert serve.info(two)["wanted"] == "direct"
    assert serve.queue(one, 5)["running"] is False
    assert "error" in serve.queue(one, 6)
    assert serve.ask(f"unserve {two}")["result"] == 0
    assert serve.ask(f"remove {two}")["result"] == 0
    assert "error" in serve.info(two)
    assert serve.quit() == 0
    host.check_clean()


# ------------------------------------------------------------ direct mode


@pytest.mark.parametrize("kind", GUESTS)
def test_frames_of_all_sizes_pass_through_a_guest(kind, sim, vdpa, guest, closing):
    """Steps: a guest of DPDK on the VF sends back what it receives. Frames of all sizes come from
    the wire.

    Verify: each frame comes back unchanged and in order; the VF runs the queues of the guest, and
    no packet went through the process; no rule was broken.
    """
    host = sim(vfs=1, taps=["vf1"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: []})
    user = guest(host, serve.sockets[vf], options=[*GUESTS[kind], MAC], args=["--auto-start"])
    info = wait_running(serve, vf)
    assert info["nb_pairs"] == 1 and info["nb_queues"] == 2
    assert info["packed"] == kind.startswith("packed")
    tap = closing(host.open_tap("vf1"))
    check_crossing(tap, tap, frames_of_all_sizes(GUEST_MAC, WIRE_MAC))
    for queue in range(2):
        state = serve.queue(vf, queue)
        assert state["doorbell"] == "relayed" and state["nb_doorbells"] > 0
        assert state["nb_buffers"] == 0
    assert user.quit() == 0
    wait_for(lambda: serve.info(vf)["running"] == "none", "the guest has left")
    assert serve.quit() == 0
    check_clean(host)


def received(host):
    """Packets that the two RX queues of VF 1 have received."""
    return [queue["packets"] for queue in host.fn("vf1")["queues"][:4:2]]


@pytest.mark.parametrize("kind", ["split", "packed"])
def test_two_queues_of_a_guest_both_get_packets(kind, sim, vdpa, guest, closing):
    """Steps: a guest with two queue pairs sends back what it receives. Frames of 64 flows come from
    the wire. Then the guest starts again with one pair.

    Verify: the VF is told the number of pairs each time; all frames come back; both queues of the
    VF have received packets, and then only the first one.
    """
    host = sim(vfs=1, queue_pairs=3, taps=["vf1"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: []})
    tap = closing(host.open_tap("vf1"))
    frames = flows(GUEST_MAC, WIRE_MAC, 64)
    for pairs in (2, 1):
        user = guest(host, serve.sockets[vf], options=[*GUESTS[kind], MAC, "queues=2"],
                     args=[f"--rxq={pairs}", f"--txq={pairs}", "--auto-start"])
        wait_running(serve, vf)
        wait_for(lambda: serve.info(vf)["nb_pairs"] == pairs, f"the VF has {pairs} pairs")
        before = received(host)
        tap.send(frames)
        assert sorted(tap.receive(len(frames))) == sorted(frames)
        got = [now > old for now, old in zip(received(host), before)]
        assert got == [True, pairs == 2]
        assert user.quit() == 0
        wait_for(lambda: serve.info(vf)["running"] == "none", "the guest has left")
    check_clean(host)


@pytest.mark.parametrize("kind", ["split", "packed"])
def test_guests_come_and_go(kind, sim, vdpa, guest, closing):
    """Steps: six guests come to one VF, one after the other. Half of them are killed. Each stops and
    starts its port in between.

    Verify: frames pass each time; each end is noticed; no descriptor stays open.
    """
    host = sim(vfs=1, taps=["vf1"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: []})
    tap = closing(host.open_tap("vf1"))
    frames = flows(GUEST_MAC, WIRE_MAC, 32)
    before = 0
    for number in range(6):
        user = guest(host, serve.sockets[vf], options=[*GUESTS[kind], MAC], args=["--auto-start"])
        wait_running(serve, vf)
        check_crossing(tap, tap, frames)
        user.stop_forwarding()
        user.cmd("port stop 0")
        user.cmd("port start 0")
        user.start_forwarding()
        check_crossing(tap, tap, frames)
        if number % 2:
            user.kill()
        else:
            assert user.quit() == 0
        wait_for(lambda: serve.info(vf)["running"] == "none", "the guest has left")
        if number == 0:
            before = serve.fds()  # the threads of the driver have started
        wait_for(lambda: serve.fds() == before, "all descriptors of the guest are closed")
    assert serve.info(vf)["nb_attached"] == 6
    check_clean(host)


def test_guests_on_two_vfs_do_not_disturb_each_other(sim, vdpa, guest, closing):
    """Steps: two guests on two VFs; the first one is stopped (SIGSTOP), then killed.

    Verify: frames of the second one pass all the time, and after a new guest has come to VF 1.
    """
    host = sim(vfs=2, taps=["vf1", "vf2"])
    one, two = host.create_vfs(2)
    serve = vdpa(host, {one: [], two: []})
    taps = [closing(host.open_tap(name)) for name in ("vf1", "vf2")]
    frames = flows(GUEST_MAC, WIRE_MAC, 32)
    users = [guest(host, serve.sockets[vf], options=[*GUESTS["split"], MAC],
                   args=["--auto-start"]) for vf in (one, two)]
    for vf, tap in zip((one, two), taps):
        wait_running(serve, vf)
        check_crossing(tap, tap, frames)
    users[0].child.signal(signal.SIGSTOP)
    check_crossing(taps[1], taps[1], frames)
    users[0].child.signal(signal.SIGCONT)
    users[0].kill()
    wait_for(lambda: serve.info(one)["running"] == "none", "the guest has left")
    check_crossing(taps[1], taps[1], frames)
    guest(host, serve.sockets[one], options=[*GUESTS["packed"], MAC], args=["--auto-start"])
    wait_running(serve, one)
    for tap in taps:
        check_crossing(tap, tap, frames)
    check_clean(host)


def test_link_changes_are_reported(sim, vdpa, guest):
    """Steps: the link of the VF goes down and up while a guest runs.

    Verify: the application gets an event each time, and the state says it.
    """
    host = sim(vfs=1)
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: []})
    guest(host, serve.sockets[vf], options=GUESTS["split"])
    wait_running(serve, vf)
    for up in (False, True):
        mark = serve.child.mark()
        host.set_link("vf1", up)
        serve.child.expect(f"^event {vf} config", since=mark)
        assert serve.info(vf)["link_up"] is up
    check_clean(host)


def test_the_vf_of_a_guest_is_not_taken_away(sim, vdpa, guest):
    """Steps: remove the device of a running guest; remove the socket; remove the device.

    Verify: the first is refused, the others are carried out, and the VF is free.
    """
    host = sim(vfs=1)
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: []})
    guest(host, serve.sockets[vf], options=GUESTS["split"])
    wait_running(serve, vf)
    assert serve.ask(f"remove {vf}")["result"] != 0
    assert serve.info(vf)["running"] == "direct"
    assert serve.ask(f"unserve {vf}")["result"] == 0
    assert serve.info(vf)["running"] == "none"
    assert serve.ask(f"remove {vf}")["result"] == 0
    host.destroy_vfs()
    check_clean(host)


# ------------------------------------------------------------ front ends of another kind


@pytest.fixture
def front(closing):
    """front(socket, pairs=..., status=...): a front end, connected."""
    return lambda socket, **conf: closing(FrontEnd(socket, **conf))


def check_frames(end, tap, count=8, pair=0):
    """Frames pass from the guest to the wire and back."""
    for frame in flows(GUEST_MAC, WIRE_MAC, count):
        end.transmit(frame, pair)
        assert tap.receive(1) == [frame]
        tap.send([frame])
        assert end.receive(pair) == frame


@pytest.mark.parametrize("status", [True, False], ids=["says complete", "does not"])
def test_pairs_that_the_guest_never_enables_do_no_harm(status, sim, vdpa, front, closing):
    """Steps: a front end sets up two pairs and enables one, then the other one.

    Verify: the VF has the rings of both from the beginning, and is told the number of pairs.
    """
    host = sim(vfs=1, taps=["vf1"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: []})
    tap = closing(host.open_tap("vf1"))
    end = front(serve.sockets[vf], pairs=2, status=status)
    end.start(enabled=[0, 1])
    assert wait_running(serve, vf)["nb_queues"] == 4
    assert serve.info(vf)["nb_pairs"] == 1
    end.fill(0)
    check_frames(end, tap)
    for index in (2, 3):
        end.enable(index)
    wait_for(lambda: serve.info(vf)["nb_pairs"] == 2, "the VF has two pairs")
    end.fill(1)
    for frame in flows(GUEST_MAC, WIRE_MAC, 8):
        end.transmit(frame, 1)
        assert tap.receive(1) == [frame]
    check_clean(host)


def test_interrupts_go_to_the_descriptor_that_the_guest_names(sim, vdpa, front, closing):
    """Steps: a guest asks for interrupts; its front end changes the descriptor while the VF runs.

    Verify: each used buffer raises the interrupt on the descriptor of the time, and no interrupt
    passes through the process.
    """
    host = sim(vfs=1, taps=["vf1"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: []})
    tap = closing(host.open_tap("vf1"))
    end = front(serve.sockets[vf])
    end.start()
    wait_running(serve, vf)
    end.fill()
    (frame,) = flows(GUEST_MAC, WIRE_MAC, 1)
    ring = end.rings[0]
    for _ in range(5):
        tap.send([frame])
        assert ring.interrupted(), "no interrupt"
        assert end.receive() == frame
        assert serve.queue(vf, 0)["interrupt"] == "mapped"
        ring.new_call()
        end.set_call(0)
        ring.interrupted(0.2)  # one that says nothing may come with the change
    check_clean(host)


def test_memory_comes_and_goes_while_a_guest_runs(sim, vdpa, front, closing):
    """Steps: the front end adds memory to a running guest, which then sends from there; it takes the
    memory away again. Frames pass all the time.

    Verify: the VF is not started again, and reaches the new memory as soon as the front end has its
    answer.
    """
    host = sim(vfs=1, taps=["vf1"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: []})
    tap = closing(host.open_tap("vf1"))
    end = front(serve.sockets[vf])
    end.start()
    wait_running(serve, vf)
    end.fill()
    check_frames(end, tap)
    for round_ in range(3):
        more = Region(0x1_0000_0000 + (round_ << 24), 2 << 20)
        end.regions.append(more)
        end.set_memory()
        for number, frame in enumerate(flows(GUEST_MAC, WIRE_MAC, 4)):
            end.transmit_from(more, 4096 * number, frame)
            assert tap.receive(1) == [frame]
        check_frames(end, tap)
        end.regions.remove(more)
        end.set_memory()
        closing(more)
        check_frames(end, tap)
    info = serve.info(vf)
    assert info["running"] == "direct" and info["nb_attached"] == 1
    assert end.stop() == {0: 56, 1: 68}
    check_clean(host)


# ------------------------------------------------------------ many guests, slow VFs


def test_a_slow_reset_of_one_vf_delays_no_other_guest(sim, vdpa, guest, front, closing):
    """Steps: resets take 3 s. A guest on VF 1 leaves while one runs on VF 2; the next one comes to
    VF 1 at once.

    Verify: frames of VF 2 pass meanwhile, and its front end gets answers; the one on VF 1 runs when
    the reset is over, and the VF reached nothing of the guest that has left.
    """
    host = sim(vfs=2, taps=["vf1", "vf2"])
    one, two = host.create_vfs(2)
    serve = vdpa(host, {one: [], two: []})
    taps = [closing(host.open_tap(name)) for name in ("vf1", "vf2")]
    ends = [front(serve.sockets[vf]) for vf in (one, two)]
    for vf, end, tap in zip((one, two), ends, taps):
        end.start()
        wait_running(serve, vf)
        end.fill()
        check_frames(end, tap)
    assert host.cli("fault", "slow-reset=3000000").returncode == 0
    begin = time.monotonic()
    ends[0].stop()
    asked = time.monotonic() - begin
    ends[0].close()
    check_frames(ends[1], taps[1])
    ends[1].set_call(0)  # an answer of the thread that serves all front ends
    again = front(serve.sockets[one])
    again.start()
    assert serve.info(one)["running"] == "none", f"the reset took no time ({asked:.1f} s)"
    check_frames(ends[1], taps[1])
    assert host.cli("fault", "none").returncode == 0
    wait_running(serve, one)
    again.fill()
    check_frames(again, taps[0])
    check_clean(host)


def test_a_reset_that_does_not_end_is_ended_by_vfio(sim, vdpa, front, closing):
    """Steps: a reset takes 60 s, and the driver waits for 0.5 s. A guest leaves, the next one comes.

    Verify: the VF is closed and opened again, which is counted, and the guest runs.
    """
    host = sim(vfs=1, taps=["vf1"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: ["reset_timeout_ms=500"]})
    tap = closing(host.open_tap("vf1"))
    end = front(serve.sockets[vf])
    end.start()
    wait_running(serve, vf)
    assert host.cli("fault", "slow-reset=60000000").returncode == 0
    end.stop()
    wait_for(lambda: serve.info(vf)["nb_slow_resets"] == 1, "VFIO has ended the reset")
    assert host.cli("fault", "none").returncode == 0
    for ring in end.rings:
        ring.restart()
    end.start()
    wait_running(serve, vf)
    end.fill()
    check_frames(end, tap)
    check_clean(host)


def test_many_guests_need_two_threads(sim, vdpa, front):
    """Steps: a guest on each of 64 VFs; all leave.

    Verify: all run; there are as many threads as with one guest, and less than 1 MiB of memory more
    for each guest; all descriptors are closed at the end.
    """
    host = sim(vfs=64, queue_pairs=1)
    vfs = host.create_vfs(64)
    serve = vdpa(host, {vf: [] for vf in vfs})
    ends = []
    state = []
    for vf in vfs:
        ends.append(front(serve.sockets[vf], memory=1 << 20))
        ends[-1].start()
        if vf in (vfs[0], vfs[-1]):
            for each in vfs[:len(ends)]:
                wait_running(serve, each)
            state.append((serve.threads(), serve.memory_kb(), serve.fds()))
    assert state[1][0] == state[0][0]
    # The memory of the guests is mapped, and touched only where rings are read.
    assert state[1][1] - state[0][1] < 63 * 1024
    for end in ends[1:]:
        end.close()
    wait_for(lambda: serve.fds() <= state[0][2], "all descriptors are closed")
    check_clean(host)


# ------------------------------------------------------------ relay mode


@pytest.mark.parametrize("kind", GUESTS)
def test_frames_of_all_sizes_pass_through_the_relay(kind, sim, vdpa, guest, closing):
    """Steps: as in direct mode, with mode=relay; then the wanted mode is changed to direct.

    Verify: each frame comes back unchanged and in order; all buffers went through the relay; when
    the rings have come to their start, the VF has them, and frames pass as before.
    """
    host = sim(vfs=1, taps=["vf1"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: ["mode=relay"]})
    user = guest(host, serve.sockets[vf], options=[*GUESTS[kind], MAC], args=["--auto-start"])
    wait_running(serve, vf, "relay")
    tap = closing(host.open_tap("vf1"))
    frames = frames_of_all_sizes(GUEST_MAC, WIRE_MAC)
    check_crossing(tap, tap, frames)
    wait_for(lambda: all(serve.queue(vf, queue)["nb_buffers"] >= len(frames)
                         for queue in range(2)), "all buffers to go through the relay")
    if kind.startswith("packed"):
        assert serve.ask(f"mode {vf} direct")["result"] == 0
        # A lap of 256 slots. What comes while a queue has no buffers is lost.
        for frame in frames[:600]:
            tap.send([frame])
            try:
                tap.receive(1, timeout=1)
            except TimeoutError:
                continue
        wait_for(lambda: serve.info(vf)["running"] == "direct", "the VF has the rings")
        check_crossing(tap, tap, frames)
    assert user.quit() == 0
    wait_for(lambda: serve.info(vf)["running"] == "none", "the guest has left")
    check_clean(host)


def test_a_front_end_cannot_make_the_relay_wait(sim, vdpa, front, closing):
    """Steps: two guests are relayed; the front end of the first one makes the descriptors of its
    interrupts wait for a reader, fills them, and sends a frame.

    Verify: the frames of the other guest pass, and that of the first one too.
    """
    host = sim(vfs=2, taps=["vf1", "vf2"])
    vfs = host.create_vfs(2)
    serve = vdpa(host, {vf: ["mode=relay"] for vf in vfs})
    ends, taps = [], []
    for vf, name in zip(vfs, ("vf1", "vf2")):
        ends.append(front(serve.sockets[vf]))
        ends[-1].start()
        wait_running(serve, vf, "relay")
        ends[-1].fill()
        taps.append(closing(host.open_tap(name)))
        check_frames(ends[-1], taps[-1])
    for ring in ends[0].rings:
        os.set_blocking(ring.call, True)
        while ring.interrupted(0):
            pass
        os.eventfd_write(ring.call, 0xFFFFFFFFFFFFFFFE)
    (frame,) = flows(GUEST_MAC, WIRE_MAC, 1)
    ends[0].transmit(frame)
    assert taps[0].receive(1) == [frame]
    check_frames(ends[1], taps[1], 64)


def test_a_guest_goes_on_where_it_stopped(sim, vdpa, front, closing):
    """Steps: a guest sends 5 frames and receives 3, stops, and starts at the positions it was told;
    another process takes over while it runs, with the positions that the rings have.

    Verify: the positions are exact; the guest goes on each time, and no buffer is lost or used
    twice.
    """
    host = sim(vfs=1, taps=["vf1"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: []})
    tap = closing(host.open_tap("vf1"))
    end = front(serve.sockets[vf])
    end.start()
    wait_running(serve, vf)
    end.fill()
    frames = flows(GUEST_MAC, WIRE_MAC, 5)
    for frame in frames:
        end.transmit(frame)
    assert tap.receive(5) == frames
    tap.send(frames[:3])
    assert [end.receive() for _ in range(3)] == frames[:3]
    for _ in range(3):
        bases = end.stop()
        assert bases == {0: end.rings[0].used_index, 1: end.rings[1].used_index}
        end.start(bases)
        wait_for(lambda: serve.info(vf)["running"] == "relay", "the relay has begun")
        check_frames(end, tap)
    serve.child.kill()
    serve = vdpa(host, {vf: []})
    end.connect(serve.sockets[vf])
    end.start({index: ring.used_index for index, ring in enumerate(end.rings)})
    wait_for(lambda: serve.info(vf)["running"] == "relay", "the relay has begun")
    check_frames(end, tap, 100)
    check_clean(host)


def test_written_pages_are_logged_while_a_guest_is_migrated(sim, vdpa, front, closing):
    """Steps: the front end switches the log on while a guest runs directly, replaces the log, and
    switches it off.

    Verify: each page that a received frame is written to is in the log, and those of the used
    rings; frames pass all the time.
    """
    host = sim(vfs=1, taps=["vf1"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: []})
    tap = closing(host.open_tap("vf1"))
    end = front(serve.sockets[vf])
    end.start()
    wait_running(serve, vf)
    end.fill()
    check_frames(end, tap)
    for _ in range(2):
        log = end.log_on()
        wait_for(lambda: serve.info(vf)["running"] == "relay", "the relay has begun")
        tap.send(flows(GUEST_MAC, WIRE_MAC, 1))
        ring = end.rings[0]
        slot, _data = wait_for(ring.take, "a frame was received", every=0.001)
        page = (ring.region.gpa + ring.place(slot)) // 4096
        assert log[page // 8] >> page % 8 & 1, "the page of the frame is not in the log"
        page = (ring.region.gpa + ring.used) // 4096
        assert log[page // 8] >> page % 8 & 1, "the page of the used ring is not in the log"
        ring.post()
        check_frames(end, tap)
        assert serve.info(vf)["running"] == "relay" and serve.info(vf)["logging"]
    end.log_off()
    wait_for(lambda: not serve.info(vf)["logging"], "the log is off")
    check_frames(end, tap)
    check_clean(host)


def test_a_guest_that_stops_its_vf_again_and_again_costs_little(sim, vdpa, front, closing):
    """Steps: a guest sends a buffer that is not in its memory, so that the VF needs a reset each
    time that it gets the buffer.

    Verify: the VF is repaired, and not more often than some times a second; a guest on another VF
    has its frames; the next guest on this VF runs.
    """
    host = sim(vfs=2, taps=["vf1", "vf2"])
    one, two = host.create_vfs(2)
    serve = vdpa(host, {one: [], two: []})
    ends, taps = [], []
    for vf, name in ((one, "vf1"), (two, "vf2")):
        ends.append(front(serve.sockets[vf]))
        ends[-1].start()
        wait_running(serve, vf)
        ends[-1].fill()
        taps.append(closing(host.open_tap(name)))
        check_frames(ends[-1], taps[-1])
    ends[0].rings[1].post_at(1 << 40, 100)
    wait_for(lambda: serve.info(one)["nb_repaired"] >= 2, "the VF was repaired")
    begin, before = time.monotonic(), serve.info(one)["nb_repaired"]
    check_frames(ends[1], taps[1], 64)
    wait_for(lambda: serve.info(one)["nb_repaired"] >= before + 5, "the VF was repaired again")
    after, seconds = serve.info(one)["nb_repaired"], time.monotonic() - begin
    assert after - before <= 20 * seconds, f"{after - before} repairs in {seconds:.1f} s"
    ends[0].close()
    again = front(serve.sockets[one])
    again.start()
    wait_running(serve, one)
    again.fill()
    check_frames(again, taps[0])


# ------------------------------------------------------------ doorbells mapped into the guest


@pytest.mark.parametrize("accept", [True, False], ids=["mapped", "refused"])
def test_a_guest_rings_the_doorbell_of_the_vf_itself(accept, sim, vdpa, front, closing):
    """Steps: a VF with a page for each doorbell, and host_notifier=1; the front end maps the pages,
    or refuses. The guest rings through the page, or through its descriptor.

    Verify: frames pass; the state says which way doorbells take; the process rings none that went
    through a page.
    """
    host = sim(vfs=1, taps=["vf1"], args=["--page-per-vq"])
    (vf,) = host.create_vfs(1)
    serve = vdpa(host, {vf: ["host_notifier=1"]})
    tap = closing(host.open_tap("vf1"))
    end = front(serve.sockets[vf])
    end.start()
    # What was refused is taken back by one more request.
    pages = dict(end.answer_notifier(accept) for _ in range(2 if accept else 4))
    assert sorted(pages) == [0, 1]
    way = "mapped" if accept else "relayed"
    wait_for(lambda: serve.queue(vf, 1)["doorbell"] == way, "the way of doorbells is known")
    assert serve.queue(vf, 0)["doorbell"] == way and serve.info(vf)["running"] == "direct"
    before = serve.queue(vf, 1)["nb_doorbells"]
    if accept:
        for index, page in pages.items():
            end.rings[index].ring = lambda index=index, page=page: struct.pack_into(
                "<H", page, 0, index)
    end.fill()
    check_frames(end, tap)
    assert (serve.queue(vf, 1)["nb_doorbells"] > before) is not accept
    end.stop()
    for page in pages.values():
        if page is not None:
            page.close()
    check_clean(host)


def test_a_front_end_that_does_not_answer_delays_no_other_guest(sim, vdpa, front, closing):
    """Steps: two VFs with host_notifier=1; the front end of the first one never answers, and ends.

    Verify: its guest runs meanwhile; the end is noticed; the other guest comes up and has frames.
    """
    host = sim(vfs=2, taps=["vf1", "vf2"], args=["--page-per-vq"])
    one, two = host.create_vfs(2)
    serve = vdpa(host, {one: ["host_notifier=1"], two: []})
    taps = [closing(host.open_tap(name)) for name in ("vf1", "vf2")]
    silent = front(serve.sockets[one])
    silent.start()
    wait_running(serve, one)
    silent.fill()
    check_frames(silent, taps[0])
    end = front(serve.sockets[two])
    end.start()
    wait_running(serve, two)
    end.fill()
    check_frames(end, taps[1])
    silent.close()
    wait_for(lambda: serve.info(one)["running"] == "none", "the guest has left")
    check_frames(end, taps[1])
    check_clean(host)


# ------------------------------------------------------------ VFIO without EAL


@pytest.mark.parametrize("page", [False, True], ids=["together", "page per queue"])
def test_maps_interrupts_and_doorbells_of_vfio(page, sim):
    """Steps: map and unmap memory, set interrupts, and map the doorbells of a VF, right and wrong.

    Verify: each call does what its header says; the page of a doorbell can be given away only where
    each queue has one.
    """
    host = sim(vfs=1, args=["--page-per-vq"] if page else [])
    (vf,) = host.create_vfs(1)
    done = host.run(paths.BUILD / "app/test/tools/vfio_check", vf, host.token)
    assert done.returncode == 0, done.stdout + done.stderr
    # The one page that all queues have begins with the doorbell of queue 0.
    assert done.stdout == ("multiplier 4096 page page\n" if page else "multiplier 4 page none\n")
    host.check_clean()
