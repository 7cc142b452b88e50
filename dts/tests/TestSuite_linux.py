# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Linux' virtio_net on the simulated NIC: a driver of another project, on a real kernel.

QEMU shows a function of vsr-sim to Linux through vfio-user-pci. The last test binds the same
function to the kernel's vfio-pci and opens it with net_vsr, so that the simulator checks net_vsr on
a real VFIO.
"""

import json
import time

import pytest

from framework.child import Child
from framework.frames import check_crossing, frames_of_all_sizes
from framework.linux import linux_guests
from framework.wait import wait_for

INTEROP = "Linux virtio_net, and net_vsr through Linux VFIO, on vsr-sim, through QEMU vfio-user-pci"

SETTINGS = {
    "split": "-ring_packed",
    "packed": "+ring_packed",
    "plain": "-ring_packed,-event_idx,-indirect_desc,-mrg_rxbuf,-notification_data",
}


@pytest.fixture(scope="module")
def guests():
    with linux_guests(SETTINGS) as made:
        yield made


@pytest.fixture(params=SETTINGS)
def linux(request, guests):
    """A function that is up. At the end the simulator must have counted no violation."""
    guest = guests[request.param]
    guest.up()
    yield guest
    guest.down()
    assert guest.sim.violations() == {}, "doc/interop.rst lists known violations of Linux"


def iperf3(guest, reverse):
    """TCP between the virtual machine and the namespace for 2 s. Returns the summary."""
    server = Child(guest.space.wrap("iperf3", "-s", "-1", "--forceflush"), name="iperf3 -s")
    try:
        server.expect(r"Server listening")
        done = guest.vm.run("iperf3", "-c", guest.space.address, "-t", 2, "-J",
                            *(["-R"] if reverse else []))
        answer = json.loads(done.stdout)
        assert "error" not in answer, answer["error"]
        server.wait()
        return answer["end"]
    finally:
        server.close()


def test_virtio_net_comes_up(linux):
    """Verify: features, MAC address, MTU, link, speed and queues are those of the NIC."""
    fn = linux.fn()
    assert ("ring_packed" in fn["accepted"]) == ("+ring_packed" in linux.features)
    for name in ("event_idx", "indirect_desc", "mrg_rxbuf", "notification_data"):
        assert (name in fn["accepted"]) == (f"-{name}" not in linux.features)
    assert linux.attribute("address") == fn["mac"]
    assert linux.attribute("mtu") == "1500"
    assert linux.attribute("carrier") == "1"
    assert linux.attribute("speed") == "100000" and linux.attribute("duplex") == "full"
    assert sorted(linux.sh("ls /sys/class/net/$i/queues").split()) == ["rx-0", "rx-1", "tx-0",
                                                                       "tx-1"]
    assert fn["queue_pairs"] == 2


def test_ping_and_tcp(linux):
    """Verify: pings of all sizes are answered, TCP runs both ways, the NIC dropped no malformed
    packet."""
    for size in (56, 1, 1472):
        assert linux.space.ping_each(linux.address, 10, size) == 10
    for reverse in (False, True):
        received, deadline = 0, time.monotonic() + linux.patience
        # On a busy machine, this takes several runs of iperf3.
        while received <= 1 << 18:
            assert time.monotonic() < deadline, f"TCP carried {received} bytes"
            received += iperf3(linux, reverse)["sum_received"]["bytes"]
    counters = linux.fn()["counters"]
    assert not counters.get("drop_malformed") and not counters.get("dma_faults")


def test_link_follows_the_cable(linux):
    """Verify: the configuration interrupt reaches Linux, both ways."""
    for up in (False, True):
        linux.sim.set_link("pf", up)
        wait_for(lambda: linux.attribute("carrier") == str(int(up)), f"carrier {up}")
    assert linux.space.ping_each(linux.address, 3) == 3


def test_control_queue(linux):
    """Verify: Linux sets receive modes and MAC address by the control queue, and the NIC accepts
    each command."""
    before = linux.fn()
    linux.sh("ip link set $i promisc on; ip link set $i allmulticast on;"
             " ip link set $i promisc off; ip link set $i allmulticast off")
    linux.sh("ip link set $i down; ip link set $i address 02:0a:0b:0c:0d:0e")
    linux.up()
    assert linux.fn()["mac"] == "02:0a:0b:0c:0d:0e"
    assert linux.space.ping_each(linux.address, 3) == 3
    linux.sh(f"ip link set $i down; ip link set $i address {before['mac']}; ip link set $i up")
    after = linux.fn()["counters"]
    assert after["ctrl_commands"] > before["counters"]["ctrl_commands"] + 5
    assert not after.get("ctrl_errors")


def test_unbind_and_bind(linux):
    """Verify: the driver can be unbound and bound again, without a violation."""
    linux.sh("p=$(basename $(readlink -f /sys/class/net/$i/device/..));"
             " echo $p > /sys/bus/pci/drivers/virtio-pci/unbind;"
             " echo $p > /sys/bus/pci/drivers/virtio-pci/bind")
    linux.find(linux.vm)
    linux.up()
    wait_for(lambda: linux.attribute("carrier") == "1", "carrier")
    assert linux.space.ping_each(linux.address, 5) == 5


@pytest.fixture
def on_vfio(linux):
    """The function, bound to the kernel's vfio-pci, and to virtio-pci again at the end."""
    linux.bind("vfio-pci")
    yield linux
    linux.bind("virtio-pci")
    linux.find(linux.vm)


def test_net_vsr_through_the_kernels_vfio(on_vfio, testpmd, closing):
    """Steps: bind the function to vfio-pci and open it with net_vsr, which sends all frames back;
    set the link down and up.

    Verify: frames of every size come back byte for byte, and the interrupts arrive. The fixture
    `linux` checks that the simulator, which sees every doorbell, counts no violation.
    """
    tap = closing(on_vfio.open_tap())
    pmd = testpmd(on_vfio, [on_vfio.pf], vsr=True, args=["--port-topology=loop"])
    pmd.wait_link(0)
    assert pmd.driver(0) == "net_vsr"
    accepted = on_vfio.fn()["accepted"]
    for name in ("ring_packed", "notification_data", "event_idx"):
        assert (name in accepted) == (f"-{name}" not in on_vfio.features)
    pmd.start_forwarding("io")
    frames = frames_of_all_sizes(pmd.mac(0), tap.mac)[::4]
    check_crossing(tap, tap, frames)
    pmd.stop_forwarding()
    for up in (False, True):
        mark = pmd.child.mark()
        on_vfio.set_link("pf", up)
        pmd.child.expect(r"Port 0: link state change event", since=mark)
    assert pmd.quit() == 0
