# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vdpa_vsr: guests on VFs through vhost-user."""

import signal

import pytest

from framework import paths
from framework.frames import check_crossing, flows, frames_of_all_sizes
from framework.vdpa import PLUGIN, VdpaServe, VirtioUser
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
# Options of virtio-user, and the name of its RX path.
GUESTS = {
    "split": ["packed_vq=0", "in_order=0"],
    "split one buffer": ["packed_vq=0", "in_order=0", "mrg_rxbuf=0"],
    "split in order": ["packed_vq=0", "in_order=1"],
    "split vectors": ["packed_vq=0", "in_order=0", "mrg_rxbuf=0", "vectorized=1"],
    "packed": ["packed_vq=1", "in_order=0"],
    "packed in order": ["packed_vq=1", "in_order=1"],
    "packed vectors": ["packed_vq=1", "in_order=1", "mrg_rxbuf=0", "vectorized=1"],
}


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
