# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The side of a vDPA process that a test sees: the process (vdpa_process.py), and guests whose
queues run on its VFs. A guest is memory of the test, which runs outside of the simulated host."""

import json
import mmap
import os
import pathlib
import select
import socket
import struct
import sys

from .child import Child
from .wait import SLOW, wait_for

PROCESS = pathlib.Path(__file__).with_name("vdpa_process.py")
QUEUE_SIZE = 16
MEMORY = 1 << 20  # of a guest: in the file twice as much, in two regions
HIGH = 1 << 32  # address of the second region, as behind the hole of a PC
HEADER = 12
RX, TX = 0, 1
# Offsets in the first region.
_DESC, _DRIVER, _DEVICE, _STEP = 0x0000, 0x1000, 0x2000, 0x4000


class VdpaProcess:
    """One process with all its VFs."""

    def __init__(self, host, directory):
        path = pathlib.Path(directory) / "vdpa.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(path))
            listener.listen()
            listener.settimeout(SLOW)
            self.child = Child(host.wrap([sys.executable, "-B", PROCESS, path, host.token]),
                               name="vDPA process")
            self.link, _ = listener.accept()
        self.link.settimeout(SLOW)

    def __call__(self, what, *args, fds=()):
        """Have a request executed. Returns (answer, descriptors); raises OSError."""
        socket.send_fds(self.link, [json.dumps({"do": what, "args": args}).encode()], list(fds))
        text, passed, _, _ = socket.recv_fds(self.link, 65536, 16)
        assert text, self.child.output
        reply = json.loads(text)
        if "errno" in reply:
            raise OSError(reply["errno"], os.strerror(reply["errno"]))
        return reply["answer"], passed

    def close(self):
        self.link.close()
        self.child.wait()
        self.child.close()


class Guest:
    """Memory with two queues in it, on a VF."""

    def __init__(self, process, vf):
        self.process, self.vf = process, vf
        self.file = os.memfd_create("guest")
        os.ftruncate(self.file, 2 * MEMORY)
        self.memory = mmap.mmap(self.file, 2 * MEMORY)
        self.events = [os.eventfd(0, os.EFD_NONBLOCK) for _ in (RX, TX)]
        self.pages = []
        self.posted = [0, 0]

    def start(self):
        """Have the VF opened, the memory mapped and the queues started; map their doorbells."""
        _, (self.device,) = self.process("open", self.vf)
        self.process("map", self.vf, [(0, MEMORY, 0), (HIGH, MEMORY, MEMORY)], fds=[self.file])
        self.process("irq", self.vf, 0, fds=self.events)
        places = [[base + _STEP * queue for base in (_DESC, _DRIVER, _DEVICE)]
                  for queue in (RX, TX)]
        offsets, _ = self.process("start", self.vf, places, QUEUE_SIZE)
        for offset in offsets:
            assert offset % mmap.PAGESIZE == 0
            self.pages.append(mmap.mmap(self.device, mmap.PAGESIZE, offset=offset))
        return self

    def post(self, queue, address, size):
        """Publish a buffer at a guest address, and ring the doorbell by a store."""
        base, number = _STEP * queue, self.posted[queue]
        slot = number % QUEUE_SIZE
        struct.pack_into("<QIHH", self.memory, base + _DESC + 16 * slot, address, size,
                         2 if queue == RX else 0, 0)
        struct.pack_into("<H", self.memory, base + _DRIVER + 4 + 2 * slot, slot)
        self.posted[queue] = (number + 1) & 0xFFFF
        struct.pack_into("<H", self.memory, base + _DRIVER + 2, self.posted[queue])
        struct.pack_into("<H", self.pages[queue], 0, queue)

    def used(self, queue):
        return struct.unpack_from("<H", self.memory, _STEP * queue + _DEVICE + 2)[0]

    def send(self, frame, place=0x20000):
        self.memory[place:place + HEADER + len(frame)] = bytes(HEADER) + frame
        self.post(TX, place, HEADER + len(frame))
        wait_for(lambda: self.used(TX) == self.posted[TX], "the end of the transmission")

    def room(self, place=0x8000):
        """Publish a buffer in the second region."""
        self.post(RX, HIGH + place, 2048)

    def received(self, size, place=0x8000):
        """Wait for the frame in the buffer of room()."""
        wait_for(lambda: self.used(RX) == self.posted[RX], "a frame")
        at = MEMORY + place + HEADER
        return self.memory[at:at + size]

    def signalled(self, queue, timeout=0.0):
        """Whether the interrupt of a queue came since the last call."""
        if not select.select([self.events[queue]], [], [], timeout)[0]:
            return False
        os.eventfd_read(self.events[queue])
        return True

    def close(self):
        for thing in [*self.pages, self.memory]:
            thing.close()
        for fd in [self.file, *self.events, *([self.device] if hasattr(self, "device") else [])]:
            os.close(fd)
