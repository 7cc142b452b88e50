# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A minimal guest: a client of a vfio-user socket that reads and writes single registers."""

import os
import socket
import struct

from .wait import SLOW

VERSION, DMA_MAP, REGION_READ, REGION_WRITE, DEVICE_RESET = 1, 2, 9, 10, 13
BAR0, CONFIG = 0, 7
COMMAND, IO_SPACE, BUS_MASTER = 4, 1, 4
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
        self._call(VERSION, struct.pack("<HH", 0, 1) + b'{"capabilities":{}}\0')

    def close(self):
        self.socket.close()

    def _receive(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
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

    # ------------------------------------------------------------ regions

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

    def map_memory(self, iova, size):
        """Map memory for the function. Returns the descriptor of the memory."""
        fd = os.memfd_create("guest")
        os.ftruncate(fd, size)
        self._call(DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, iova, size), [fd])
        return fd
