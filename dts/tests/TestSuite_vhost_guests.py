# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Guests whose only network is vhost-user: unmodified Debian kernels in QEMU, on back ends.

A row is a back end and a kind of guest. All tests of a row use the same two guests, one after the
other, as far as they stay alive. DPDK's own net_vhost is a row, to show that the tests are right.
"""

import hashlib
import re

import pytest

from framework import qemu
from framework.vhost_backend import NetVhost, VdpaVsr, VsrBridge
from framework.vhost_pair import ADDRESSES, Pair, Row
from framework.wait import SLOW, wait_for

INTEROP = "Linux virtio_net in QEMU, on vhost-user back ends"
RING_PACKED, VERSION_1 = 34, 32
STREAM = 7000  # TCP port
LEAST = 1.0  # megabits per second: traffic flows; a busy machine emulates slowly
MACS = {name: mac for name, (_address, mac) in ADDRESSES.items()}
COPY = (("guest", (("mode", "copy"),)), ("macs", tuple({**MACS, "m": MACS["a"]}.items())))

ROWS = {
    "bridge": Row(VsrBridge, queues=2, packed=True, long=True),
}
# Run with --every-row.
FURTHER = {
    "bridge-split": Row(VsrBridge, long=True),
    "bridge-legacy": Row(VsrBridge, legacy=True, long=True),
    "bridge-copy": Row(VsrBridge, long=True, conf=(*COPY, ("features", "-mrg_rxbuf"))),
    # A packed ring does not say where rte_vhost was, so these guests survive no restart.
    "bridge-copy-packed": Row(VsrBridge, queues=2, packed=True,
                              conf=(*COPY, ("features", "-ring_packed"))),
    "bridge-7.3": Row(VsrBridge, kernel=qemu.BACKPORTS, packed=True, long=True),
    "vdpa_vsr": Row(VdpaVsr, long=True),
    "net_vhost": Row(NetVhost, long=True),
    "net_vhost-7.3": Row(NetVhost, kernel=qemu.BACKPORTS, long=True),
    "net_vhost-legacy": Row(NetVhost, legacy=True, long=True),
    "net_vhost-mq": Row(NetVhost, queues=2, long=True),
}


def rows(long):
    """A decorator: run the test for all rows, or for the long ones."""
    chosen = [
        pytest.param(name, marks=[pytest.mark.further] if name in FURTHER else [])
        for name, row in {**ROWS, **FURTHER}.items() if row.long or not long
    ]
    return pytest.mark.parametrize("vhost_guests", chosen, indirect=True, scope="module")


@pytest.fixture(scope="module")
def vhost_guests(request):
    """The two guests of a row."""
    qemu.get()
    made = Pair({**ROWS, **FURTHER}[request.param])
    try:
        yield made
        for guest in (made.a, made.b):
            if guest is not None and guest.child.alive():
                assert guest.complaints() == []
        made.backend.check_clean()
    finally:
        made.close()


@pytest.fixture
def pair(vhost_guests):
    """Both guests are up, and reach each other."""
    vhost_guests.up()
    vhost_guests.a.wait_ping(vhost_guests.b.address)
    return vhost_guests


@pytest.fixture
def say(capsys):
    """say(text): print a figure, whether the test passes or not."""

    def show(text):
        with capsys.disabled():
            print(f"\n    {text}", end=" ", flush=True)

    return show


def check_tcp(pair, say):
    """TCP both ways between the guests."""
    for guest in (pair.a, pair.b):
        guest.iperf3_server()
    rates = [pair.a.iperf3(pair.b.address), pair.b.iperf3(pair.a.address)]
    say(f"TCP: {rates[0]} and {rates[1]} Mbit/s")
    assert min(rates) > LEAST


@rows(long=False)
def test_virtio_net_comes_up(pair):
    """Verify: the driver has the MAC address, MTU, queues and features that the row asks for."""
    row = pair.row
    for guest in (pair.a, pair.b):
        assert guest.sh("cat /sys/class/net/eth0/address") == guest.mac
        assert guest.sh("cat /sys/class/net/eth0/mtu") == "1500"
        assert guest.carrier() == "1"
        assert (VERSION_1 in guest.features()) == (not row.legacy)
        assert (RING_PACKED in guest.features()) == row.packed
        queues = guest.sh("ls /sys/class/net/eth0/queues").split()
        assert len(queues) == 2 * row.queues
        assert guest.sh("uname -r") in qemu.version()[1:]


@rows(long=False)
def test_ping_and_tcp_between_the_guests(pair, say):
    """Verify: pings of all sizes are answered, TCP runs both ways, and all queues are in use."""
    for size in (56, 1, 1472):
        assert pair.a.ping(pair.b.address, 5, size) == 5
    check_tcp(pair, say)
    if pair.row.queues > 1:
        pair.a.iperf3_server()
        assert pair.b.iperf3(pair.a.address, options="-P 4") > LEAST
        interrupts = pair.a.sh("grep input /proc/interrupts")
        for queue in range(pair.row.queues):
            (line,) = re.findall(rf"^.*-input\.{queue}$", interrupts, re.MULTILINE)
            assert any(int(count) > 0 for count in re.findall(r"\b\d+\b(?!:)", line[6:])), line


@rows(long=False)
def test_ping_and_tcp_to_the_host(pair, say):
    """Verify: ping and TCP both ways between guest a and a network namespace of this machine."""
    with pair.backend.host(pair.places["a"]) as space:
        pair.a.wait_ping(space.address)
        assert pair.a.ping(space.address) == 5
        assert space.ping_each(pair.a.address, 5) == 5
        rates = []
        for reverse in (False, True):
            pair.a.iperf3_server()
            rates.append(space.iperf3(pair.a.address, reverse))
        say(f"TCP: {rates[0]} and {rates[1]} Mbit/s")
        assert min(rates) > LEAST


@rows(long=True)
def test_memory_is_plugged_in(pair, say):
    """Steps: plug memory into a running guest. Verify: traffic goes on, also when the guest has
    filled its old memory."""
    before, after = pair.b.plug_memory()
    assert pair.b.ping(pair.a.address) == 5
    pair.b.sh("mkdir /fill; mount -t tmpfs -o size=100% fill /fill;"
              f" dd if=/dev/zero of=/fill/all bs=1M count={(before + after) // 3}")
    try:
        check_tcp(pair, say)
    finally:
        pair.b.sh("umount /fill")


@rows(long=True)
@pytest.mark.parametrize("how", ["command", pytest.param("reset", marks=pytest.mark.further)])
def test_guest_reboots(how, pair):
    """Verify: a guest that rebooted, by itself or by a reset of its machine, is reached again."""
    pair.a.reboot(how)
    assert pair.b.ping(pair.a.address) == 5
    assert pair.a.ping(pair.b.address) == 5


@rows(long=True)
def test_back_end_is_killed_and_started_again(pair, say):
    """Steps: kill the back end under a ping, start it again. Verify: the guests go on without a
    reboot, TCP too."""
    process = pair.b.ping_begin(pair.a.address)
    wait_for(lambda: "bytes from" in pair.b.sh("tail -n 3 /tmp/ping"), "pings")
    pair.backend.kill()
    pair.backend.start()
    pair.b.wait_ping(pair.a.address, 3 * SLOW)
    sent, received, gap = pair.b.ping_end(process)
    say(f"back end killed: {sent - received} of {sent} pings lost, gap {gap} ms")
    for guest in (pair.a, pair.b):
        assert guest.sh("cat /proc/sys/kernel/random/boot_id") == guest.boot
    assert pair.a.ping(pair.b.address) == 5
    check_tcp(pair, say)


@rows(long=True)
def test_guest_is_killed_and_the_next_comes(pair):
    """Steps: kill a guest under traffic, start another one on its socket. Verify: the back end and
    the other guest live on, and reach the new guest."""
    process = pair.b.ping_begin(pair.a.address, 0.01)
    pair.a.kill()
    pair.b.ping_end(process)
    assert pair.backend.alive()
    pair.a = pair.guest("a").start()
    assert pair.b.ping(pair.a.address) == 5
    assert pair.a.ping(pair.b.address) == 5


@rows(long=True)
def test_guest_migrates_under_traffic(pair, say):
    """Steps: guest a moves to another QEMU, at another socket, while it answers pings and receives
    a stream of TCP.

    Verify: the migration completes, the stream is complete and unaltered, pings go on.
    """
    target = pair.guest("a", place=pair.free[0], incoming=True).launch()
    boot = pair.a.sh("cat /proc/sys/kernel/random/boot_id")
    pair.a.sh("rm -f /tmp/stream; "
              f"tail -f /dev/null | nc -l -p {STREAM} >/tmp/stream 2>/tmp/nc &")
    wait_for(lambda: pair.a.has_socket(STREAM), "the listening socket")
    pair.b.sh("rm -f /tmp/stop; (n=0; while [ ! -e /tmp/stop ]; do seq $((n + 1)) $((n + 1000));"
              f" n=$((n + 1000)); usleep 5000; done) | nc {pair.a.address} {STREAM} >/dev/null"
              " 2>&1 &")
    process = pair.b.ping_begin(pair.a.address, 0.02)
    wait_for(lambda: int(pair.a.sh("wc -c </tmp/stream")) > 100000, "the stream")
    state = pair.a.migrate(target)
    assert state["status"] == "completed", f"{state}\n{target.child.output}"
    pair.moved(target)
    sizes = [int(target.sh("wc -c </tmp/stream"))]
    wait_for(lambda: int(target.sh("wc -c </tmp/stream")) > sizes[0] + 100000,
             "the stream after the migration", 3 * SLOW)
    sent, received, gap = pair.b.ping_end(process)
    say(f"migration: {sent - received} of {sent} pings lost, gap {gap} ms, QEMU says downtime"
        f" {state['downtime']} ms of {state['total-time']} ms")
    assert target.sh("cat /proc/sys/kernel/random/boot_id") == boot
    pair.b.sh("touch /tmp/stop")
    wait_for(lambda: not target.has_socket(STREAM), "the end of the stream", 3 * SLOW)
    last = int(target.sh("tail -n 1 /tmp/stream"))
    expected = hashlib.md5(b"".join(b"%d\n" % n for n in range(1, last + 1))).hexdigest()
    assert last % 1000 == 0 and target.sh("md5sum </tmp/stream").split()[0] == expected
    assert pair.b.ping(target.address) == 5
    assert target.ping(pair.b.address) == 5
