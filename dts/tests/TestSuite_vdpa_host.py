# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The simulated host under a vDPA process: many VFs in one process, each with a container of its
own, guest memory at guest addresses, doorbells and interrupts in other hands."""

import errno
import os

import pytest

from framework.vdpa_guest import HIGH, MEMORY, RX, TX, Guest, VdpaProcess
from framework.wait import SLOW

PAGE = 4096
DOORBELL_RULES = ("029", "030", "046")


def frame(number):
    return b"\xff" * 6 + bytes([2, 0, 0, 0, 0, number]) + b"\x88\xb5" + bytes([number]) * 60


@pytest.fixture
def pair(sim, closing, tmp_path):
    """pair(number): that number of guests on as many VFs; each two VFs are cabled."""

    def make(number, **conf):
        wires = {f"vf{n}": f"peer:vf{n + 1}" for n in range(1, number, 2)}
        host = sim(vfs=number, queue_pairs=1, wires=wires, args=["--page-per-vq"], **conf)
        vfs = host.create_vfs(number)
        process = closing(VdpaProcess(host, host.dir))
        return host, process, [closing(Guest(process, vf)).start() for vf in vfs]

    return make


def test_sixty_four_vfs_in_one_process(pair):
    """Steps: 64 guests, all at the same addresses in memory of their own, send a frame each over
    their cables, with doorbells that they ring themselves.

    Verify: each frame is in the memory of the right guest and in no other one, and the interrupts
    of both queues came; no rule is broken.
    """
    host, process, guests = pair(64)
    for guest in guests:
        guest.room()
    for number, guest in enumerate(guests):
        guest.send(frame(number))
    for number, guest in enumerate(guests):
        expected = frame(number ^ 1)
        assert guest.received(len(expected)) == expected
        assert guest.signalled(RX, SLOW) and guest.signalled(TX, SLOW)
        assert sum(guest.memory.find(frame(n)) >= 0 for n in range(len(guests))) == 2
    assert host.violations() == {}
    assert process.child.alive()


def test_guest_memory_comes_and_goes(pair):
    """Steps: unmap a region of a guest, map another file there. Verify: the ranges of the IOMMU are
    told and kept; a frame arrives in the new memory; a part of a map cannot be unmapped."""
    host, process, (left, right) = pair(2)
    ranges, _ = process("ranges", left.vf)
    assert ranges[0][0] == 0 and ranges[-1][1] >= HIGH + MEMORY
    assert all(not first <= 0xFEE00000 <= last for first, last in ranges)
    for iova, code in ((0xFEE00000, errno.EINVAL), (ranges[-1][1] + 1, errno.EINVAL),
                       (HIGH, errno.EEXIST)):
        with pytest.raises(OSError) as error:
            process("map", left.vf, [(iova, PAGE, 0)], fds=[left.file])
        assert error.value.errno == code
    with pytest.raises(OSError) as error:
        process("unmap", right.vf, HIGH, PAGE)
    assert error.value.errno == errno.EINVAL
    assert process("unmap", right.vf, HIGH, MEMORY)[0] == MEMORY
    more = os.memfd_create("more")
    try:
        os.ftruncate(more, 2 * MEMORY)
        process("map", right.vf, [(HIGH, MEMORY, MEMORY)], fds=[more])
        right.room()
        left.send(frame(7))
        right.received(0)
        assert os.pread(more, len(frame(7)), MEMORY + 0x8000 + 12) == frame(7)
        assert right.memory.find(frame(7)) < 0
    finally:
        os.close(more)
    assert host.violations() == {}


def test_interrupt_goes_to_another_eventfd_at_once(pair):
    """Steps: give the RX interrupt of a running VF another eventfd, and back, 20 times. Verify:
    each frame signals the present one, and only that one; the TX interrupt is as it was."""
    host, process, (left, right) = pair(2)
    other = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        for number in range(20):
            right.events[RX], other = other, right.events[RX]
            process("irq", right.vf, RX, fds=[right.events[RX]])
            right.room()
            left.send(frame(number))
            assert right.received(len(frame(number))) == frame(number)
            assert right.signalled(RX, SLOW)
            with pytest.raises(BlockingIOError):
                os.eventfd_read(other)
        right.send(frame(1))
        assert right.signalled(TX, SLOW)
    finally:
        os.close(other)
    assert host.violations() == {}


def test_doorbell_page_of_a_queue_rings_no_other(pair):
    """Steps: a guest fills the whole doorbell page of its TX queue with values of all kinds.

    Verify: no other queue and no other VF got a doorbell, and the cable of the others works.
    """
    host, _, guests = pair(4)
    before = {name: host.fn(name)["doorbells"] for name in ("vf2", "vf3", "vf4")}
    for fill in (b"\x00", b"\x01", b"\x80", b"\xfe"):
        for at in range(0, PAGE, 2):
            guests[0].pages[TX][at:at + 2] = fill * 2
    guests[2].send(frame(3))
    queues = {queue["queue"]: queue["doorbells"] for queue in host.fn("vf1")["queues"]}
    assert queues.get(TX, 0) > 0 and queues.get(RX, 0) == 0
    assert host.fn("vf2")["doorbells"] == before["vf2"]
    assert host.fn("vf3")["doorbells"] == before["vf3"] + 1
    assert host.fn("vf4")["doorbells"] == before["vf4"]
    assert set(host.violations()) <= {f"vf1 violation_C{rule}" for rule in DOORBELL_RULES}
