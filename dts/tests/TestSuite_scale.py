# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The largest number of VFs."""

import json

from framework.sim import PF
from framework.traffic import bridge
from framework.wait import wait_for

MANY = 256


def test_256_vfs_first_and_last_carry_traffic(sim, testpmd, namespaces):
    """Steps: create 256 VFs, run TCP between the first and the last, destroy all.

    Verify: each VF exists and has its own IOMMU group; no loss; no VF is left at the end.
    """
    b = bridge(sim, testpmd, namespaces, ("vf1", f"vf{MANY}"), vfs=MANY, queue_pairs=1)
    shown = json.loads(b.sim.vsrctl("--json", "list").stdout)["functions"]
    assert len(shown) == 1 + MANY
    assert sorted(fn["vf"] for fn in shown if fn["kind"] == "vf") == list(range(1, MANY + 1))
    assert len({fn["iommu_group"] for fn in shown}) == 1 + MANY
    b.check_ping()
    b.check_tcp()
    for name in b.functions:
        assert b.sim.fn(name)["rx_packets"] > 1000 and b.sim.fn(name)["tx_packets"] > 1000
    assert b.pmd.quit() == 0
    b.sim.destroy_vfs()
    assert len(json.loads(b.sim.vsrctl("--json", "list").stdout)["functions"]) == 1
    assert not list(b.sim.sysfs("bus/pci/devices", PF).glob("virtfn*"))
    assert b.sim.violations() == {}
    assert b.sim.stop() == 0


def test_256_vfs_come_and_go(sim, testpmd):
    """Steps: create and destroy 256 VFs five times. Verify: vsr-sim leaks no descriptor."""
    host = sim(vfs=MANY, queue_pairs=1)
    counts = []
    for _ in range(5):
        assert len(set(host.create_vfs(MANY))) == MANY
        host.destroy_vfs()
        counts.append(host.fds())
    assert len(set(counts[1:])) == 1, f"descriptors: {counts}"
    assert host.stop() == 0


def test_sixteen_vfs_in_one_process(sim, testpmd):
    """Steps: one testpmd with 16 VFs, generators on all. Verify: every port forwards."""
    ports = 16
    host = sim(vfs=ports, wires={f"vf{i}": "gen:size=64" for i in range(1, ports + 1)})
    pmd = testpmd(host, host.create_vfs(ports), vsr=True, args=["--rxd=64", "--txd=64"])
    pmd.start_forwarding("io")
    for port in range(ports):
        wait_for(lambda: pmd.stats(port)["TX-packets"] > 1000, f"traffic on port {port}")
    assert pmd.quit() == 0
    assert host.violations() == {}
