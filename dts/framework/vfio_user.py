# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A minimal guest: a client of a vfio-user socket that reads and writes single registers."""

import json
import os
import socket
import struct

from .wait import SLOW

VERSION, DMA_MAP, DMA_UNMAP, REGION_INFO, SET_IRQS = 1, 2, 3, 5, 8
REGION_READ, REGION_WRITE, DEVICE_RESET = 9, 10, 13
BAR0, CONFIG, NB_REGIONS = 0, 7, 9
COMMAND, IO_SPACE, BUS_MASTER = 4, 1, 4
MMAP = 4  # VFIO_REGION_INFO_FLAG_MMAP
MSIX, DATA_NONE, DATA_EVENTFD, TRIGGER = 2, 1, 4, 32  # VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_*
# Legacy registers: virtio 1.4 4.1.4.10 "Legacy Interfaces: A Note on PCI Device Layout".
FEATURES, QUEUE_ADDRESS, QUEUE_SIZE, QUEUE_SELECT, NOTIFY, STATUS, ISR = 0, 8, 12, 14, 16, 18, 19
NET = 20  # device configuration, while MSI-X is off


class Guest:
    """A client that uses one function."""

    def __init__(self, path, timeout=SLOW):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self._id = 0
        self.kept = []  # every descriptor that the function sent; open until drop()
        reply = self._call(VERSION, struct.pack("<HH", 0, 1)
                           + b'{"capabilities":{"max_msg_fds":16}}\0')
        self.limits = json.loads(reply[4:].rstrip(b"\0"))["capabilities"]

    def close(self):
        self.socket.close()

    def drop(self):
        while self.kept:
            os.close(self.kept.pop())

    def _receive(self, count):
        data = b""
        while len(data) < count:
            part, fds, _, _ = socket.recv_fds(self.socket, count - len(data), 16)
            self.kept += fds
            if not part:
                raise EOFError("the function has ended the connection")
            data += part
        return data

    def _call(self, command, payload=b"", fds=()):
        """Send a request. Returns the payload of the reply; raises OSError with its errno."""
        self._id = (self._id + 1) & 0xFFFF
        head = struct.pack("<HHIII", self._id, command, 16 + len(payload), 0, 0)
        socket.send_fds(self.socket, [head + payload], list(fds))
        ident, _, size, flags, error = struct.unpack("<HHIII", self._receive(16))
        rest = self._receive(size - 16)
        if flags & 0x20:
            raise OSError(error, os.strerror(error))
        assert ident == self._id
        return rest

    def send_reads(self, region, offset, width, count):
        """Send requests without waiting for a reply: the replies are never received."""
        for _ in range(count):
            self._id = (self._id + 1) & 0xFFFF
            ask = struct.pack("<QII", offset, region, width)
            head = struct.pack("<HHIII", self._id, REGION_READ, 16 + len(ask), 0, 0)
            self.socket.sendall(head + ask)

    # ------------------------------------------------------------ regions

    def region_flags(self, region) -> int:
        """The flags of VFIO_DEVICE_GET_REGION_INFO. Descriptors are added to self.kept."""
        ask = struct.pack("<IIIIQQ", 1024, 0, region, 0, 0, 0)
        return struct.unpack("<II", self._call(REGION_INFO, ask)[:8])[1]

    def read(self, region, offset, width) -> bytes:
        return self._call(REGION_READ, struct.pack("<QII", offset, region, width))[16:]

    def write(self, region, offset, data: bytes):
        self._call(REGION_WRITE, struct.pack("<QII", offset, region, len(data)) + data)

    def get(self, offset, width) -> int:
        """Read a legacy register."""
        return int.from_bytes(self.read(BAR0, offset, width), "little")

    def put(self, offset, value, width):
        self.write(BAR0, offset, value.to_bytes(width, "little"))

    def open_ports(self):
        """Enable I/O space and bus mastering."""
        command = int.from_bytes(self.read(CONFIG, COMMAND, 2), "little") | IO_SPACE | BUS_MASTER
        self.write(CONFIG, COMMAND, command.to_bytes(2, "little"))
        return self

    def reset(self):
        self._call(DEVICE_RESET)

    def connect_vectors(self, start, fds):
        """Connect one MSI-X vector to each descriptor."""
        self._call(SET_IRQS, struct.pack("<5I", 20, DATA_EVENTFD | TRIGGER, MSIX, start, len(fds)),
                   fds)

    def trigger_vector(self, vector):
        self._call(SET_IRQS, struct.pack("<5I", 20, DATA_NONE | TRIGGER, MSIX, vector, 1))

    def map_memory(self, iova, size, in_file=None):
        """Map memory for the function, of a file of in_file bytes (None: size). Returns the
        descriptor of the memory."""
        fd = os.memfd_create("guest")
        os.ftruncate(fd, size if in_file is None else in_file)
        self.map_file(iova, size, fd)
        return fd

    def map_file(self, iova, size, fd):
        self._call(DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, iova, size), [fd])

    def unmap_memory(self, iova, size):
        self._call(DMA_UNMAP, struct.pack("<IIQQ", 24, 0, iova, size))
