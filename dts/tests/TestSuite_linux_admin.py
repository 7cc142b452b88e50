# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Linux' own client of the admin queue (drivers/virtio/virtio_pci_modern.c) on the simulated NIC.

QEMU shows the PF of vsr-sim to Linux through vfio-user-pci, which hides the SR-IOV capability: the
PF has VFs, and Linux cannot enable them. So vsr-sim has to accept lists for VFs that do not exist
yet.
"""

import pytest

from framework.linux import linux_guests
from framework.qemu import BACKPORTS, KERNEL
from framework.wait import wait_for

INTEROP = "Linux' client of the admin queue, on vsr-sim, through QEMU vfio-user-pci"

SETTINGS = {"split": "-ring_packed", "packed": "+ring_packed"}
LENIENT = ["--lenient", "early-lists", "--lenient", "unlisted-caps"]
# Commands that Linux sends when its driver takes the PF, in this order.
SENT = {
    KERNEL: ["list_query", "list_use"],
    BACKPORTS: ["list_query", "list_use", "cap_id_list_query", "device_cap_get", "driver_cap_set"],
}


@pytest.fixture(scope="module", params=SENT)
def linux(request):
    with linux_guests(SETTINGS, kernel=request.param, vfs=2, args=LENIENT) as guests:
        yield request.param, guests


def admin_counters(guest):
    return {name: value for name, value in guest.fn()["counters"].items()
            if name.startswith("admin") and value}


@pytest.mark.parametrize("ring", SETTINGS)
def test_linux_agrees_on_the_commands(linux, ring):
    """Verify: Linux sends its commands once, the NIC accepts each of them, and the same happens when
    the driver takes the PF again. The simulator counts no violation."""
    kernel, guests = linux
    guest = guests[ring]
    assert "admin_vq" in guest.fn()["accepted"]
    for takes in (1, 2):
        wanted = {f"admin_{command}": takes for command in SENT[kernel]}
        wait_for(lambda: admin_counters(guest) == wanted,
                 f"{wanted}, not {admin_counters(guest)}")
        if takes == 1:
            guest.sh("p=$(basename $(readlink -f /sys/class/net/$i/device/..));"
                     " cd /sys/bus/pci/drivers/virtio-pci; echo $p > unbind; echo $p > bind")
            guest.find(guest.vm)
    log = guest.vm.child.output
    assert "admin command error" not in log and "Failed to execute command on admin vq" not in log
    guest.check_clean()
