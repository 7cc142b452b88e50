# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsr-bridge in mode copy: guests whose packets are copied, on the simulated host."""

import os
import threading
import time

import pytest

from framework.bridge import Bridge
from framework.frames import check_crossing, flows, frame_to, frames_of_all_sizes
from framework.net import sh
from framework.sim import PF
from framework.vdpa import GUESTS, VirtioUser
from framework.vhost_user import EVENT_IDX, MRG_RXBUF, FrontEnd
from framework.vsrd import refused, shown
from framework.wait import wait_for

GUEST_MAC, WIRE_MAC = "02:00:00:00:00:07", "02:00:00:00:00:08"
MAC = f"mac={GUEST_MAC}"


@pytest.fixture
def bridged(sim, daemon):
    """bridged(keeper=False, args=(), sim_args=(), **options of sim): a host with vsrd, VFs and vsr-bridge."""
    running = []

    def start(keeper=False, args=(), sim_args=(), vfs=2, **options):
        host = sim(vfs=vfs, args=sim_args, **options)
        host.vsrd = daemon(host)
        assert host.vsrctl("vf", "create", PF, vfs).returncode == 0
        bridge = Bridge(host, keeper=keeper, args=args).start()
        running.append(bridge)
        return bridge

    yield start
    for bridge in running:
        bridge.close()


@pytest.fixture
def guest(closing):
    """guest(bridge, vf, options=..., args=...): a virtio-user, at its first prompt."""

    def make(bridge, vf=1, **conf):
        return closing(VirtioUser(bridge.host, bridge.path(vf), **conf)).start()

    return make


@pytest.fixture
def front(closing):
    """front(bridge, vf, **options of FrontEnd): a front end whose rings run, with RX buffers."""

    def make(bridge, vf=1, fill=True, **conf):
        end = closing(FrontEnd(bridge.path(vf), **conf))
        end.start()
        running(bridge, vf)
        if fill:
            for pair in range(len(end.rings) // 2):
                end.fill(pair)
        return end

    return make


def add(bridge, vf=1, **params):
    return bridge.add(vf, mode="copy", mac=GUEST_MAC, **params)


def running(bridge, vf=1):
    """Wait until the rings of the guest run. Returns what is shown of the guest."""

    def runs():
        guest = bridge.show(vf)
        return guest if guest["running"] and guest.get("pairs") else None

    return wait_for(runs, f"the guest on VF {vf} runs")


def left(bridge, vf=1):
    wait_for(lambda: not bridge.show(vf)["running"] and
             not bridge.show(vf)["front_end"]["connected"], f"the guest on VF {vf} has left")


def queues(bridge, vf=1):
    return bridge.call("guest.stats", pf=PF, vf=vf)["queue_list"]


def check_clean(host):
    """No rule was broken."""
    assert not set(host.violations()), host.violations()


def cpu_ticks(pid) -> int:
    """Clock ticks that a process has run."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def used_cpu(pid, seconds=0.5) -> float:
    """Share of a processor that a process takes, during an interval."""
    before, begin = cpu_ticks(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_ticks(pid) - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - begin)


def open_files(pid) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


# ---------------------------------------------------------------- packets


@pytest.mark.parametrize("kind", GUESTS)
def test_frames_of_all_sizes_are_copied(kind, bridged, guest, closing):
    """Steps: a guest of DPDK sends back what it receives. Frames of all sizes come from the wire.

    Verify: each frame comes back unchanged and in order, and is counted in both directions; no rule
    was broken; the mode and its reason are shown.
    """
    bridge = bridged(taps=["vf1"])
    add(bridge)
    user = guest(bridge, options=[*GUESTS[kind], MAC], args=["--auto-start"])
    seen = running(bridge)
    assert (seen["mode"], seen["wanted"], seen["reason"]) == ("copy", "copy", "as asked")
    assert seen["features"]["packed"] == kind.startswith("packed")
    assert f"mac={GUEST_MAC}" in "".join(seen["qemu"])
    tap = closing(bridge.host.open_tap("vf1"))
    frames = frames_of_all_sizes(GUEST_MAC, WIRE_MAC)
    check_crossing(tap, tap, frames, batch=16)
    size = sum(map(len, frames))
    for queue in queues(bridge):
        assert (queue["packets"], queue["bytes"], queue["drops"]) == (len(frames), size, 0)
    assert user.quit() == 0
    left(bridge)
    check_clean(bridge.host)


@pytest.mark.parametrize("features", ["-ring_packed", "-mrg_rxbuf", "-ring_packed,-mrg_rxbuf"])
def test_a_guest_gets_what_its_vf_lacks(features, bridged, guest, closing):
    """Steps: a VF without packed rings, without mergeable buffers; a guest that has both.

    Verify: the guest has what the VF has not, and frames pass.
    """
    bridge = bridged(taps=["vf1"], features=features)
    add(bridge)
    guest(bridge, options=[*GUESTS["packed"], MAC], args=["--auto-start"])
    bits = running(bridge)["features"]
    packed, mergeable = 1 << 34, 1 << 15
    assert int(bits["guest"], 16) & (packed | mergeable) == packed | mergeable
    lacking = packed * ("packed" in features) | mergeable * ("mrg" in features)
    assert int(bits["vf"], 16) & (packed | mergeable) == (packed | mergeable) & ~lacking
    tap = closing(bridge.host.open_tap("vf1"))
    check_crossing(tap, tap, frames_of_all_sizes(GUEST_MAC, WIRE_MAC), batch=16)
    check_clean(bridge.host)


@pytest.mark.parametrize("kind", ["split", "packed"])
def test_two_queues_of_a_guest_both_get_packets(kind, bridged, guest, closing):
    """Steps: a guest with two queue pairs sends back what it receives, frames of 64 flows come from
    the wire. Then a guest comes that enables one pair.

    Verify: all frames come back; both queues have copied packets, and then only the first one.
    """
    bridge = bridged(taps=["vf1"])
    add(bridge, queues=2)
    tap = closing(bridge.host.open_tap("vf1"))
    frames = flows(GUEST_MAC, WIRE_MAC, 64)
    for pairs in (2, 1):
        user = guest(bridge, options=[*GUESTS[kind], MAC, "queues=2"],
                     args=[f"--rxq={pairs}", f"--txq={pairs}", "--auto-start"])
        wait_for(lambda: running(bridge)["pairs"] == pairs, f"{pairs} pairs")
        before = [queue["packets"] for queue in queues(bridge)]
        tap.send(frames)
        assert sorted(tap.receive(len(frames))) == sorted(frames)
        got = [queue["packets"] > old for queue, old in zip(queues(bridge), before)]
        assert got == [True, True, pairs == 2, pairs == 2]
        assert user.quit() == 0
        left(bridge)
    check_clean(bridge.host)


@pytest.mark.parametrize("mergeable", [True, False], ids=["mergeable", "one buffer"])
def test_frames_of_9000_bytes(mergeable, bridged, front, closing):
    """Steps: a VF and a wire with an MTU of 9000; a guest with buffers of 2 KiB, with mergeable
    buffers and without. Large and small frames come from the wire.

    Verify: with mergeable buffers all arrive; without, the large ones are dropped and counted, and
    the small ones behind them arrive.
    """
    bridge = bridged(taps=["vf1"], sim_args=["--mtu", 9000])
    add(bridge)
    end = front(bridge, unwanted=0 if mergeable else MRG_RXBUF)
    tap = closing(bridge.host.open_tap("vf1"))
    sh("ip", "link", "set", tap.name, "mtu", "9000")
    large, small = frame_to(GUEST_MAC, WIRE_MAC, b"y" * 110), frame_to(GUEST_MAC, WIRE_MAC)
    for _ in range(3):
        tap.send([large, small, large, small])
        for frame in [large, small, large, small] if mergeable else [small, small]:
            assert end.receive_large() == frame
    drops = queues(bridge)[0]["drops"]
    assert drops == (0 if mergeable else 6)
    end.transmit(small)
    assert tap.receive(1) == [small]
    check_clean(bridge.host)


# ---------------------------------------------------------------- refusals


def test_bad_wishes_are_refused(bridged):
    """Verify: one sentence each, and the VF stays free: more pairs than the VF has, a mapped
    doorbell, memory that does not suffice."""
    bridge = bridged(args=["--memory", "16"], vfs=4)
    host = bridge.host

    def wish(vf, *more):
        return host.vsrctl("guest", "add", PF, vf, "--vhost-user", bridge.path(vf), "--mode",
                           "copy", *more)

    refused(wish(1, "--queues", 3), "VF 1", "has 2 queue pairs, not 3")
    refused(wish(1, "--doorbell", "mapped"), "mode direct only")
    assert wish(1, "--queues", 2).returncode == 0
    refused(wish(2, "--queues", 2), "no memory", "--memory")
    assert [one["vf"] for one in bridge.guests()] == [1]
    bridge.add(2)
    bridge.remove(1)
    assert wish(3, "--queues", 2).returncode == 0


# ---------------------------------------------------------------- the thread


def test_an_idle_bridge_takes_no_processor(bridged, guest, closing):
    """Verify: after traffic the process comes to rest, with the guest still there; the next frame
    wakes it."""
    bridge = bridged(taps=["vf1"])
    add(bridge)
    guest(bridge, options=[*GUESTS["split"], MAC], args=["--auto-start"])
    running(bridge)
    tap = closing(bridge.host.open_tap("vf1"))
    frames = flows(GUEST_MAC, WIRE_MAC, 64)
    for _ in range(3):
        check_crossing(tap, tap, frames, batch=16)
        wait_for(lambda: used_cpu(bridge.pid) < 0.01, "the bridge comes to rest")


@pytest.mark.parametrize("features", [0, EVENT_IDX], ids=["flags", "event index"])
def test_no_wake_up_is_lost(features, bridged, front, closing):
    """Steps: 2000 frames in each direction, each after the one before has arrived, so that the
    thread goes to sleep between them or is about to."""
    bridge = bridged(taps=["vf1"])
    add(bridge)
    end = front(bridge, features=features)
    tap = closing(bridge.host.open_tap("vf1"))
    frame = frame_to(GUEST_MAC, WIRE_MAC)
    for _ in range(2000):
        end.transmit(frame)
        assert tap.receive(1) == [frame]
        tap.send([frame])
        assert end.receive() == frame
    check_clean(bridge.host)


def test_a_busy_guest_leaves_room_for_another(bridged, guest, front, closing):
    """Steps: a guest sends as fast as it can, and the other one sends single frames.

    Verify: the single frames pass in both directions meanwhile, and the first guest is not stopped.
    """
    bridge = bridged(taps=["vf2"])
    add(bridge, 1)
    add(bridge, 2)
    user = guest(bridge, 1, options=[*GUESTS["split"], MAC], args=["--forward-mode=txonly"])
    end = front(bridge, 2)
    tap = closing(bridge.host.open_tap("vf2"))
    user.start_forwarding()
    frame = frame_to(GUEST_MAC, WIRE_MAC)
    for _ in range(200):
        before = queues(bridge, 1)[1]["packets"]
        end.transmit(frame)
        assert tap.receive(1) == [frame]
        tap.send([frame])
        assert end.receive() == frame
    assert queues(bridge, 1)[1]["packets"] > before
    user.stop_forwarding()
    check_clean(bridge.host)


def test_a_guest_that_takes_nothing_can_still_send(bridged, front, closing):
    """Steps: a guest has no RX buffers, frames come from the wire all the time, and it sends.

    Verify: each frame that it sends arrives; those for it are dropped and counted; when it gives
    buffers, frames arrive.
    """
    bridge = bridged(taps=["vf1"], wires={"vf2": "null"})
    add(bridge)
    end = front(bridge, fill=False)
    tap = closing(bridge.host.open_tap("vf1"))
    to_guest, to_wire = frame_to(GUEST_MAC, WIRE_MAC), frame_to(WIRE_MAC, GUEST_MAC)
    for _ in range(300):
        tap.send([to_guest] * 4)
        end.transmit(to_wire)
        assert tap.receive(1) == [to_wire]
    wait_for(lambda: queues(bridge)[0]["drops"] == 1200, "all frames were dropped")
    end.fill()
    tap.send([to_guest])
    assert end.receive() == to_guest
    check_clean(bridge.host)


def test_a_front_end_cannot_make_the_thread_wait(bridged, front, closing):
    """Steps: a front end makes the descriptors of its interrupts wait for a reader, fills them, and
    sends a frame; another guest sends frames.

    Verify: the frames of the other one pass; the first one is not served, and the reason is shown;
    the next front end is served.
    """
    bridge = bridged(taps=["vf1", "vf2"])
    for vf in (1, 2):
        add(bridge, vf)
    end, other = front(bridge, 1), front(bridge, 2)
    taps = [closing(bridge.host.open_tap(name)) for name in ("vf1", "vf2")]
    check_frames(end, taps[0])
    for ring in end.rings:
        os.set_blocking(ring.call, True)
        while ring.interrupted(0):
            pass
        os.eventfd_write(ring.call, 0xFFFFFFFFFFFFFFFE)
    end.rings[1].post(bytes(12) + frame_to(WIRE_MAC, GUEST_MAC))
    check_frames(other, taps[1], 64)
    wait_for(lambda: "interrupt" in bridge.show(1)["reason"], "the reason")
    assert not bridge.show(1)["running"]
    end.close()
    left(bridge)
    taps[0].receive(64, timeout=0.3)
    check_frames(front(bridge, 1), taps[0])
    check_frames(other, taps[1])


# ---------------------------------------------------------------- lives


def check_frames(end, tap, count=8):
    """Frames pass from the guest to the wire and back."""
    for frame in flows(GUEST_MAC, WIRE_MAC, count):
        end.transmit(frame)
        assert tap.receive(1) == [frame]
        tap.send([frame])
        assert end.receive() == frame


def test_a_guest_that_is_killed_twenty_times_leaves_nothing(bridged, guest, closing):
    """Steps: 20 guests, each killed while it sends; then the bridge is shown what it has.

    Verify: each end is noticed, no descriptor stays open, and the next guest has its frames.
    """
    bridge = bridged(taps=["vf1"], wires={})
    add(bridge)
    tap = closing(bridge.host.open_tap("vf1"))
    files = 0
    for number in range(20):
        user = guest(bridge, options=[*GUESTS["packed" if number % 2 else "split"], MAC],
                     args=["--forward-mode=txonly"])
        user.start_forwarding()
        running(bridge)
        old = queues(bridge)[1]["packets"]
        wait_for(lambda: queues(bridge)[1]["packets"] > old, "frames are copied")
        user.kill()
        left(bridge)
        if number == 1:
            # Besides, a thread of the server may have a client that has just left.
            files = open_files(bridge.pid) + 1
        if number > 1:
            wait_for(lambda: open_files(bridge.pid) <= files,
                     "the descriptors of the guest are closed")
    tap.close()
    tap = closing(bridge.host.open_tap("vf1"))
    guest(bridge, options=[*GUESTS["split"], MAC], args=["--auto-start"])
    running(bridge)
    frames = [frame_to(GUEST_MAC, WIRE_MAC, bytes([65 + n])) for n in range(16)]
    check_crossing(tap, tap, frames)
    check_clean(bridge.host)


def test_a_guest_goes_on_after_the_bridge_was_killed(bridged, front, closing):
    """Steps: kill -9 the bridge, under its keeper, while frames are copied; the front end connects
    again with the positions of its rings.

    Verify: the guest is in mode copy again, without a command, and frames pass.
    """
    bridge = bridged(keeper=True, taps=["vf1"])
    add(bridge)
    end = front(bridge)
    tap = closing(bridge.host.open_tap("vf1"))
    for _ in range(3):
        check_frames(end, tap)
        end.rings[1].post(bytes(12) + frame_to(WIRE_MAC, GUEST_MAC))
        bridge.kill()
        bridge.wait_running(1)
        end.connect(bridge.path(1))
        end.start({index: ring.used_index for index, ring in enumerate(end.rings)})
        assert running(bridge)["mode"] == "copy"
        ring = end.rings[1]
        wait_for(lambda: ring.used_index == ring.next_avail, "the frames are sent", every=0.001)
        while ring.take():
            pass
        tap.receive(8, timeout=0.3)
        check_frames(end, tap)


def test_a_guest_is_removed_under_traffic(bridged, guest, closing):
    """Verify: the front end loses its connection, the VF is free, and the guest can be added again
    in another mode."""
    bridge = bridged(wires={"vf1": "gen:size=64"})
    for mode in ("copy", "direct", "copy"):
        bridge.add(1, mode=mode)
        user = guest(bridge, options=GUESTS["split"], args=["--forward-mode=io"])
        user.start_forwarding()
        wait_for(lambda: bridge.show(1)["mode"] == mode, f"mode {mode}")
        if mode == "copy":
            wait_for(lambda: queues(bridge)[0]["packets"] > 1000, "frames are copied")
        bridge.remove(1)
        user.kill()
    assert bridge.host.vsrctl("vf", "destroy", PF).returncode == 0


def test_a_vf_that_needs_a_reset_is_repaired(bridged, front, closing):
    """Steps: the VF sets NEEDS_RESET while a guest runs.

    Verify: the VF is reset, the connection of the guest stays, and frames pass again.
    """
    bridge = bridged(taps=["vf1"])
    add(bridge)
    end = front(bridge)
    tap = closing(bridge.host.open_tap("vf1"))
    for number in range(1, 4):
        check_frames(end, tap)
        assert bridge.host.cli("break", "vf1").returncode == 0
        wait_for(lambda: shown(bridge.host, "guest", "stats", PF, 1)["repaired"] == number,
                 "the VF is repaired")
        check_frames(end, tap)
    assert bridge.show(1)["front_end"]["connections"] == 1


def test_a_vf_that_is_taken_back_is_given_up(bridged, front, closing):
    """Steps: unbind the VF while its guest runs; bind it again.

    Verify: the unbinding ends, the guest loses its connection and waits with a reason; then the
    guest is served again without a command.
    """
    bridge = bridged(taps=["vf1"])
    add(bridge)
    end = front(bridge)
    bridge.host.write("0000:01:00.1", "bus/pci/drivers/vfio-pci/unbind")
    wait_for(lambda: bridge.guests()[0]["state"] == "waiting", "the guest waits")
    assert bridge.guests()[0]["reason"] != ""
    assert not end.alive()
    end.close()
    bridge.host.write("0000:01:00.1", "bus/pci/drivers_probe")
    bridge.wait_running(1)
    check_frames(front(bridge), closing(bridge.host.open_tap("vf1")))


def test_a_slow_vf_delays_no_other_guest(bridged, front, closing):
    """Steps: resets take 3 s; a guest is removed, and another guest sends.

    Verify: the frames of the other one pass meanwhile.
    """
    bridge = bridged(taps=["vf2"])
    add(bridge, 1)
    add(bridge, 2)
    front(bridge, 1)
    end, tap = front(bridge, 2), closing(bridge.host.open_tap("vf2"))
    assert bridge.host.cli("fault", "slow-reset=3000000").returncode == 0
    removal = threading.Thread(target=bridge.remove, args=[1])
    removal.start()
    rounds = 0
    while removal.is_alive():
        begin = time.monotonic()
        check_frames(end, tap, 1)
        assert time.monotonic() - begin < 1
        rounds += 1
    removal.join()
    assert rounds > 10
    assert bridge.host.cli("fault", "none").returncode == 0


def test_written_pages_are_logged_while_a_guest_is_migrated(bridged, front, closing):
    """Verify: the page of a received frame is in the log."""
    bridge = bridged(taps=["vf1"])
    add(bridge)
    end = front(bridge)
    tap = closing(bridge.host.open_tap("vf1"))
    check_frames(end, tap)
    log = end.log_on()
    tap.send(flows(GUEST_MAC, WIRE_MAC, 1))
    ring = end.rings[0]
    slot, _data = wait_for(ring.take, "a frame was received", every=0.001)
    page = (ring.region.gpa + ring.place(slot)) // 4096
    assert log[page // 8] >> page % 8 & 1, "the page of the frame is not in the log"
    ring.post()
    assert bridge.show(1)["features"]["logging"]
    end.log_off()
    check_frames(end, tap)
    check_clean(bridge.host)


def test_frames_to_other_addresses_are_not_copied(bridged, front, closing):
    """Steps: frames to the guest, to another address, to a group and with a VLAN come from the wire.

    Verify: the guest gets all but the second.
    """
    bridge = bridged(taps=["vf1"])
    add(bridge)
    end = front(bridge)
    tap = closing(bridge.host.open_tap("vf1"))
    own, other, group = (frame_to(mac, WIRE_MAC)
                         for mac in (GUEST_MAC, "02:00:00:00:00:09", "01:00:5e:00:00:01"))
    tagged = own[:12] + b"\x81\x00\x00\x05" + own[12:]
    tap.send([other, own, group, tagged])
    assert [end.receive() for _ in range(3)] == [own, group, tagged]
