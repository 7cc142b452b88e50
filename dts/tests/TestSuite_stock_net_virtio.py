# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Debian's dpdk-testpmd with DPDK's own net_virtio, both unmodified, on the simulated NIC.

DPDK's developers wrote this driver, so it tests the simulator independently of net_vsr.
"""

import pytest

from framework.traffic import bridge
from framework.wait import wait_for

RINGS = {"split": "-ring_packed", "packed": "+ring_packed"}
MERGEABLE = {"mergeable": "+mrg_rxbuf", "single-buffer": "-mrg_rxbuf"}
NEEDS_RESET = 0x40
PORTS = {"vf-vf": ("vf1", "vf2"), "pf-vf": ("pf", "vf1")}


@pytest.mark.parametrize("ports", PORTS)
@pytest.mark.parametrize("buffers", MERGEABLE)
@pytest.mark.parametrize("ring", RINGS)
def test_tcp_crosses_without_loss(ring, buffers, ports, sim, testpmd, namespaces):
    """Steps: two ports of net_virtio, two queue pairs each, forward between two taps.

    Verify: every ping is answered, TCP runs both ways without a segment sent twice, nothing is
    dropped, both queue pairs carried packets, and the wanted features are in use.
    """
    b = bridge(
        sim, testpmd, namespaces, PORTS[ports], vsr=False,
        features=f"{RINGS[ring]},{MERGEABLE[buffers]}", queue_pairs=2,
        args=["--rxq=2", "--txq=2", "--rxd=256", "--txd=256"],
    )
    assert b.pmd.driver(0) == "net_virtio" and b.pmd.driver(1) == "net_virtio"
    for name in b.functions:
        accepted = b.sim.fn(name)["accepted"]
        assert ("ring_packed" in accepted) == (ring == "packed")
        assert ("mrg_rxbuf" in accepted) == (buffers == "mergeable")
        assert b.sim.fn(name)["queue_pairs"] == 2
    b.check_ping()
    b.check_ping(count=5, size=1400)
    b.check_tcp(streams=4, window="64K")
    b.check_flows()
    for name in b.functions:
        queues = b.sim.fn(name)["queues"]
        for kind in ("rx", "tx"):
            busy = [q for q in queues if q["kind"] == kind and q.get("packets", 0) > 0]
            assert len(busy) == 2, f"{name}: {len(busy)} {kind} queues carried packets"
    b.pmd.stop_forwarding()
    assert b.pmd.quit() == 0
    assert b.sim.stop() == 0


def test_ports_stop_and_start_again(sim, testpmd, namespaces):
    """Steps: stop and start both ports ten times, with traffic in between. Verify: no loss."""
    b = bridge(sim, testpmd, namespaces, vsr=False)
    for _ in range(10):
        b.pmd.stop_forwarding()
        b.pmd.cmd("port stop all")
        b.pmd.cmd("port start all")
        b.pmd.start_forwarding()
        for port in (0, 1):
            b.pmd.wait_link(port)
        b.check_ping(count=3)
    assert b.pmd.quit() == 0
    assert b.sim.stop() == 0


def test_link_change_reaches_the_driver(sim, testpmd):
    """Steps: set the link down and up. Verify: testpmd sees both."""
    host = sim(vfs=1)
    (vf,) = host.create_vfs(1)
    pmd = testpmd(host, [vf])
    pmd.wait_link(0)
    for up in (False, True):
        done = host.cli("link", vf, "up" if up else "down")
        assert done.returncode == 0, done.stderr
        pmd.wait_link(0, up)
    assert pmd.quit() == 0


@pytest.mark.parametrize("order", ["in_order", "any_order"])
def test_wrong_tables_of_packed_rings_cost_packets_and_nothing_else(order, sim, testpmd):
    """net_virtio marks the header in a table of a packed ring as writable, and the packet, which
    follows, as readable: virtio 1.4 2.8.17 forbids this order. The other flags that net_virtio
    sets in the table break 2.8.19.

    Steps: send packets of three segments, then packets of one segment, which need no table.

    Verify: the simulator counts the rules and drops the packets of three segments; the function
    does not stop, and sends the packets of one segment.
    """
    features = f"+ring_packed,+indirect_desc,{'+' if order == 'in_order' else '-'}in_order"
    host = sim(vfs=0, features=features, wires={"pf": "null"})
    pmd = testpmd(host, [host.pf])
    pmd.wait_link(0)

    def tx(name):
        return host.fn("pf")["queues"][1][name]

    pmd.cmd("set txpkts 64,64,64")
    pmd.start_forwarding("txonly")
    wait_for(lambda: tx("drop_malformed") >= 1000, "1000 dropped packets")
    pmd.stop_forwarding()
    assert tx("packets") == 0
    pmd.cmd("set txpkts 64")
    pmd.start_forwarding("txonly")
    wait_for(lambda: tx("packets") >= 1000, "1000 packets")
    pmd.stop_forwarding()
    fn = host.fn("pf")
    assert fn["counters"]["violation_C073"] == tx("drop_malformed")
    assert fn["counters"]["violation_C093"] >= tx("drop_malformed")
    assert not fn["status"] & NEEDS_RESET
    assert pmd.quit() == 0
