# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""What the owner of a NIC changes while a driver runs, and a doorbell page for each queue."""

import re

import pytest

from framework.traffic import bridge

DRIVERS = {"net_vsr": True, "net_virtio": False}
RINGS = {"split": "-ring_packed", "packed": "+ring_packed"}
DRIVER_OK, NEEDS_RESET = 0x04, 0x40
MAC = "02:aa:bb:cc:dd:01"


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("driver", DRIVERS)
def test_traffic_crosses_with_a_page_per_doorbell(driver, ring, sim, testpmd, namespaces):
    """Steps: two queue pairs, each doorbell on a page of its own. Verify: both pairs carry packets,
    none is lost, and net_vsr breaks no rule."""
    b = bridge(sim, testpmd, namespaces, vsr=DRIVERS[driver], features=RINGS[ring], queue_pairs=2,
               sim_args=["--page-per-vq"], args=["--rxq=2", "--txq=2", "--rxd=256", "--txd=256"])
    assert b.pmd.driver(0) == driver
    b.check_ping()
    b.check_tcp(streams=4, window="64K")
    b.check_flows()
    for name in b.functions:
        queues = [q for q in b.sim.fn(name)["queues"] if q["kind"] != "control"]
        assert len([q for q in queues if q["doorbells"] > 0]) == 4, queues
    assert b.pmd.quit() == 0
    if driver == "net_vsr":
        assert b.sim.violations() == {}


@pytest.mark.parametrize("driver", DRIVERS)
def test_mac_and_mtu_change_under_a_driver(driver, sim, testpmd):
    """Steps: change the MAC and the MTU of a VF in use.

    Verify: the driver gets an interrupt for each change; both values stay when the VF was destroyed
    and created again; the other VF keeps its values.
    """
    host = sim(vfs=2)
    (vf, _) = host.create_vfs(2)
    pmd = testpmd(host, [vf], vsr=DRIVERS[driver])
    pmd.wait_link(0)
    other = host.fn("vf2")["mac"]

    def interrupts():
        return host.fn("vf1")["counters"]["config_interrupts"]

    for command, value in (("mac", MAC), ("mtu", 1400)):
        before = interrupts()
        done = host.cli(command, "vf1", value)
        assert done.returncode == 0, done.stderr
        assert interrupts() == before + 1
    assert pmd.quit() == 0
    host.destroy_vfs()
    (vf, _) = host.create_vfs(2)
    assert (host.fn("vf1")["mac"], host.fn("vf2")["mac"]) == (MAC, other)
    pmd = testpmd(host, [vf], vsr=DRIVERS[driver])
    assert pmd.mac(0) == MAC
    if DRIVERS[driver]:
        assert re.search(r"^MTU: 1400$", pmd.cmd("show port info 0"), re.MULTILINE)
    assert pmd.quit() == 0


def test_needs_reset_on_command_ends_with_a_reset(sim, testpmd, namespaces):
    """Steps: make a VF in use set NEEDS_RESET, then stop and start the ports. Verify: the VF shows
    NEEDS_RESET until then; traffic goes on afterwards."""
    b = bridge(sim, testpmd, namespaces)
    b.check_ping(count=3)
    done = b.sim.cli("break", "vf1")
    assert done.returncode == 0, done.stderr
    assert b.sim.fn("vf1")["status"] & NEEDS_RESET
    assert not b.sim.fn("vf2")["status"] & NEEDS_RESET
    b.pmd.stop_forwarding()
    b.pmd.cmd("port stop all")
    b.pmd.cmd("port start all")
    b.pmd.start_forwarding()
    for port in (0, 1):
        b.pmd.wait_link(port)
    assert b.sim.fn("vf1")["status"] & (NEEDS_RESET | DRIVER_OK) == DRIVER_OK
    b.check_ping(count=3)
    assert b.pmd.quit() == 0
    assert b.sim.violations() == {}
