# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A hard device: buffers complete in another order, and only announced buffers are seen.

net_vsr and DPDK's own net_virtio, both with Debian's dpdk-testpmd. Without IN_ORDER, because a
device that accepted IN_ORDER completes in order.
"""

import pytest

from framework.frames import check_crossing, frames_of_all_sizes
from framework.wait import wait_for

HARD = ("--completion", "shuffled", "--doorbell", "strict")
DRIVERS = {"net_vsr": True, "net_virtio": False}
RINGS = {"split": "-ring_packed", "packed": "+ring_packed"}
BUFFERS = {"mergeable": "", "single-buffer": "-mrg_rxbuf"}
PROFILES = {"full": "-in_order", "bluefield": ""}


def check_rules(driver, host):
    # net_virtio is another's driver, and breaks rules on every device.
    if driver == "net_vsr":
        assert host.violations() == {}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("buffers", BUFFERS)
@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("driver", DRIVERS)
def test_contents_survive(driver, ring, buffers, profile, sim, testpmd, closing):
    """Steps: frames of all sizes go in at one tap. Verify: they leave the other, byte for byte and
    in order; net_vsr breaks no rule."""
    off = ",".join(filter(None, [RINGS[ring], BUFFERS[buffers], PROFILES[profile]]))
    host = sim(profile=profile, features=off, vfs=2, taps=("vf1", "vf2"), args=HARD)
    pmd = testpmd(host, host.create_vfs(2), vsr=DRIVERS[driver])
    left, right = (closing(host.open_tap(function)) for function in ("vf1", "vf2"))
    assert pmd.driver(0) == driver
    for port in (0, 1):
        pmd.wait_link(port)
    pmd.start_forwarding("io")
    check_crossing(left, right, frames_of_all_sizes(pmd.mac(0), left.mac))
    check_crossing(right, left, frames_of_all_sizes(pmd.mac(1), right.mac))
    assert pmd.quit() == 0
    check_rules(driver, host)


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("driver", DRIVERS)
def test_full_speed_alters_no_frame(driver, ring, sim, testpmd):
    """Steps: generators on both VFs, two queues each, check what comes back. Verify: many laps of
    the rings, no frame was altered, net_vsr breaks no rule."""
    host = sim(profile="bluefield", features=RINGS[ring], vfs=2, args=HARD,
               wires={"vf*": "gen:size=60,flows=64,check=1"})
    pmd = testpmd(host, host.create_vfs(2), vsr=DRIVERS[driver],
                  args=["--rxq=2", "--txq=2", "--rxd=256", "--txd=256"])
    pmd.start_forwarding("io")
    for name in ("vf1", "vf2"):
        wait_for(lambda: host.fn(name)["tx_packets"] > 200000, f"traffic of {name}", 60)
    pmd.stop_forwarding()
    for name in ("vf1", "vf2"):
        assert host.fn(name)["counters"]["wire_bad"] == 0
    assert pmd.quit() == 0
    check_rules(driver, host)


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("driver", DRIVERS)
def test_polled_rings_get_no_doorbells(driver, ring, sim, testpmd):
    """Steps: the device polls its rings; a generator on a VF checks what comes back. Verify: many
    laps of the rings without a doorbell, but those that EVENT_IDX cannot prevent; no frame was
    altered, net_vsr breaks no rule."""
    host = sim(features=RINGS[ring], vfs=1, args=("--doorbell", "none"),
               wires={"vf1": "gen:size=60,flows=64,check=1"})
    pmd = testpmd(host, host.create_vfs(1), vsr=DRIVERS[driver],
                  args=["--rxd=256", "--txd=256"])
    pmd.start_forwarding("io")
    wait_for(lambda: host.fn("vf1")["tx_packets"] > 200000, "traffic", 60)
    pmd.stop_forwarding()
    counters = host.fn("vf1")
    data = [queue["doorbells"] for queue in counters["queues"][:2]]
    assert sum(data) <= 2 + 2 * counters["tx_packets"] // 65536, data
    assert counters["counters"]["wire_bad"] == 0
    assert pmd.quit() == 0
    check_rules(driver, host)
