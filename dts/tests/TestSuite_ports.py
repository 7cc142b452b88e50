# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""net_vsr on PF and VFs: traffic both ways, queues, stop and start, close and reopen."""

import re

import pytest

from framework.frames import check_crossing, flows, frames_of_all_sizes


def cable(host, closing, functions):
    return [closing(host.open_tap(function)) for function in functions]


def check_both_ways(pmd, taps, step=1):
    """Frames of many sizes, from each tap to that of the other port."""
    left, right = taps
    check_crossing(left, right, frames_of_all_sizes(pmd.mac(0), left.mac)[::step])
    check_crossing(right, left, frames_of_all_sizes(pmd.mac(1), right.mac)[::step])


def test_pf_and_vf_carry_frames_both_ways(make_host, testpmd, closing):
    """Steps: one process opens the PF and both its VFs; PF and VF 1 forward to each other.

    Verify: net_vsr drives all three, frames of every size cross both ways, the VFs still exist when
    the PF is closed.
    """
    host = make_host(taps=["pf", "vf1"], vfs=2)
    vfs = host.create_vfs(2)
    taps = cable(host, closing, ["pf", "vf1"])
    pmd = testpmd(host, [host.device(fn) for fn in (host.pf, *vfs)], vsr=True)
    assert [pmd.driver(port) for port in range(3)] == 3 * ["net_vsr"]
    for port in range(3):
        pmd.wait_link(port)
    pmd.cmd("set portlist 0,1")
    pmd.start_forwarding("io")
    check_both_ways(pmd, taps, 3)
    pmd.stop_forwarding()
    assert pmd.quit() == 0
    assert host.read("bus/pci/devices", host.pf, "sriov_numvfs") == "2"


def test_device_with_the_fewest_features_carries_frames_both_ways(make_host, testpmd, closing):
    """A NIC with the fewest features: split rings, one buffer per packet, one queue pair, no event
    index, no queue reset (stopping a port resets the device)."""
    host = make_host(profile="minimal", taps=["vf1", "vf2"], vfs=2, queue_pairs=1)
    vfs = host.create_vfs(2)
    taps = cable(host, closing, ["vf1", "vf2"])
    pmd = testpmd(host, vfs, vsr=True)
    assert "split" in pmd.burst_mode("rx") and "split" in pmd.burst_mode("tx")
    for _ in range(2):
        for port in range(2):
            pmd.wait_link(port)
        pmd.start_forwarding("io")
        check_both_ways(pmd, taps, 5)
        pmd.stop_forwarding()
        pmd.cmd("port stop all")
        pmd.cmd("port start all")
    assert pmd.quit() == 0


@pytest.mark.needs("two_queues")
@pytest.mark.parametrize("features", ["+ring_packed", "-ring_packed"], ids=["packed", "split"])
def test_two_queue_pairs_share_the_flows(features, make_host, testpmd, closing):
    """Steps: two queue pairs with RSS asked for, many flows in at one tap.

    Verify: both RX queues of port 0 and both TX queues of port 1 carried packets, and every frame
    left the other tap unchanged.
    """
    host = make_host(taps=["vf1", "vf2"], vfs=2, queue_pairs=2, features=features)
    vfs = [host.device(vf) for vf in host.create_vfs(2)]
    left, right = cable(host, closing, ["vf1", "vf2"])
    pmd = testpmd(host, vfs, vsr=True, args=["--rxq=2", "--txq=2"])
    for port in range(2):
        pmd.wait_link(port)
    pmd.start_forwarding("io")
    frames = flows(pmd.mac(0), left.mac, 300)
    got = []
    for first in range(0, len(frames), 50):
        left.send(frames[first : first + 50])
        got += right.receive(50)
    # Each queue keeps the order of its frames; there is no order between queues.
    assert sorted(got) == sorted(frames)
    pmd.stop_forwarding()
    rx, tx = pmd.xstats(0), pmd.xstats(1)
    for queue in range(2):
        assert rx[f"rx_q{queue}_packets"] > 20 and tx[f"tx_q{queue}_packets"] > 20
    assert pmd.quit() == 0


@pytest.mark.parametrize("features", ["+ring_packed", "-ring_packed"], ids=["packed", "split"])
def test_ports_stop_close_and_open_again(features, make_host, testpmd, closing):
    """Steps: forward, stop and start five times; close and detach VF 2, attach it again, twice.

    Verify: after each, frames of every size cross, both ways.
    """
    host = make_host(taps=["vf1", "vf2"], vfs=2, features=features)
    vfs = [host.device(vf) for vf in host.create_vfs(2)]
    taps = cable(host, closing, ["vf1", "vf2"])
    pmd = testpmd(host, vfs, vsr=True)

    def forward(step):
        for port in range(2):
            pmd.wait_link(port)
        pmd.start_forwarding("io")
        check_both_ways(pmd, taps, step)
        pmd.stop_forwarding()

    for _ in range(5):
        forward(20)
        pmd.cmd("port stop all")
        pmd.cmd("port start all")
    for _ in range(2):
        pmd.cmd("port stop 1")
        pmd.cmd("port close 1")
        pmd.cmd(f"device detach {vfs[1].split(',')[0]}")
        assert "Port 1 is attached" in pmd.cmd(f"port attach {vfs[1]}")
        pmd.cmd("port start 1")
        forward(20)
    assert pmd.quit() == 0


def test_many_more_frames_than_descriptors_arrive(make_host, testpmd, closing):
    """Steps: testpmd sends on VF 1. Verify: many more frames than a ring has descriptors arrive,
    all of the right size."""
    host = make_host(taps=["vf1"], vfs=1)
    vfs = [host.device(vf) for vf in host.create_vfs(1)]
    (tap,) = cable(host, closing, ["vf1"])
    pmd = testpmd(host, vfs, vsr=True, args=["--txd=64"])
    pmd.wait_link(0)
    pmd.cmd("set txpkts 200")
    pmd.start_forwarding("txonly")
    got = tap.receive(2000)
    text = pmd.stop_forwarding()
    assert len(got) == 2000 and {len(frame) for frame in got} == {200}
    assert int(re.search(r"TX-packets: (\d+)", text).group(1)) >= 2000
    assert pmd.quit() == 0
