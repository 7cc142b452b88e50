# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Interrupts of net_vsr: link changes and received packets."""

import pytest

from framework import paths
from framework.sleeper import check_wakes

RINGS = {"packed": "+ring_packed", "split": "-ring_packed"}


@pytest.mark.parametrize("ring", RINGS)
def test_link_change_comes_as_an_interrupt(ring, make_host, testpmd):
    """Steps: set the link of VF 1 down and up; restart the port; do the same again.

    Verify: testpmd, which does not poll the link, reports each change for this port and for no
    other.
    """
    host = make_host(vfs=2, features=RINGS[ring])
    pmd = testpmd(host, [host.device(vf) for vf in host.create_vfs(2)], vsr=True)
    for port in range(2):
        pmd.wait_link(port)
    for _ in range(2):
        for up in (False, True):
            mark = pmd.child.mark()
            host.set_link("vf1", up)
            pmd.child.expect(r"Port 0: link state change event", since=mark)
            assert pmd.link_up(0) == up and pmd.link_up(1)
        assert "Port 1: link state change event" not in pmd.child.output
        pmd.cmd("port stop 0")
        pmd.cmd("port start 0")
        pmd.wait_link(0)
    assert pmd.quit() == 0


@pytest.mark.parametrize("ring", RINGS)
def test_packets_wake_a_sleeper(ring, make_host, closing):
    """Steps: a program sleeps on two RX queues. Each time it sleeps, one frame is sent, of flows
    that go to both queues.

    Verify: each frame wakes the program once, with one packet, and both queues have woken it.
    """
    host = make_host(taps=["vf1"], vfs=1, queue_pairs=2, features=RINGS[ring])
    (vf,) = host.create_vfs(1)
    tap = closing(host.open_tap("vf1"))
    output = check_wakes(host, closing, tap, host.device(vf), eal=["-d", paths.plugin()])
    for queue in range(2):
        assert f"woken by queue {queue} " in output
