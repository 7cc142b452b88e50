# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Program that runs on the simulated host, as a vDPA process does: it opens VFs, each with a
container of its own, maps memory of guests for DMA, sets queues up in that memory, and hands
doorbells and interrupts to the guests. It executes requests from a socket: see VdpaProcess."""

import ctypes
import json
import mmap
import os
import socket
import struct
import sys

_VFIO = 0x3B64  # of <linux/vfio.h>: the number of each ioctl is _VFIO + n
SET_IOMMU, SET_CONTAINER, GET_DEVICE_FD, SET_IRQS = (_VFIO + n for n in (2, 4, 6, 10))
IOMMU_GET_INFO, MAP_DMA, UNMAP_DMA = (_VFIO + n for n in (12, 13, 14))
TYPE1V2 = 3
READ, WRITE = 1, 2
MSIX, DATA_EVENTFD, TRIGGER = 2, 4, 32
CONFIG = 7 << 40
VENDOR_CAPABILITY, COMMON, NOTIFY = 9, 1, 2
COMMAND, BUS_MASTER = 4, 6
FEATURES = {0: 0, 1: 3}  # VERSION_1 and ACCESS_PLATFORM
# Common configuration, virtio 1.4 4.1.4.3: (offset, width).
DRIVER_SELECT, DRIVER_FEATURE, DEVICE_STATUS = (8, "I"), (12, "I"), (20, "B")
QUEUE_SELECT, QUEUE_SIZE, QUEUE_VECTOR, QUEUE_ENABLE = (22, "H"), (24, "H"), (26, "H"), (28, "H")
QUEUE_NOTIFY_OFF = (30, "H")
QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE = (32, "I"), (40, "I"), (48, "I")


_libc = ctypes.CDLL(None, use_errno=True)


def ioctl(fd, request, data=b""):
    """An ioctl with a structure, or with a number. Returns (result, the structure afterwards)."""
    room = data if isinstance(data, int) else ctypes.create_string_buffer(data, len(data) or 1)
    result = _libc.ioctl(fd, ctypes.c_ulong(request), room)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"ioctl {request:#x}")
    return result, b"" if isinstance(data, int) else room.raw


class Vf:
    """One VF, with a container of its own."""

    def __init__(self, name, token):
        folder = os.path.join(os.environ["SYSFS_PCI_DEVICES"], name)
        group = os.path.basename(os.readlink(os.path.join(folder, "iommu_group")))
        self.container = os.open("/dev/vfio/vfio", os.O_RDWR)
        self.group = os.open(f"/dev/vfio/{group}", os.O_RDWR)
        ioctl(self.group, SET_CONTAINER, struct.pack("i", self.container))
        ioctl(self.container, SET_IOMMU, TYPE1V2)
        named = f"{name} vf_token={token}\0".encode()
        self.device, _ = ioctl(self.group, GET_DEVICE_FD, named)
        self.maps = []
        self.find()

    def find(self):
        """Find the registers by the capabilities."""
        os.pwrite(self.device, struct.pack("<H", BUS_MASTER), CONFIG + COMMAND)
        at = os.pread(self.device, 1, CONFIG + 0x34)[0]
        while at:
            kind, following, _, what, bar = os.pread(self.device, 5, CONFIG + at)
            offset, _ = struct.unpack("<II", os.pread(self.device, 8, CONFIG + at + 8))
            if kind == VENDOR_CAPABILITY and what == COMMON:
                self.common = (bar << 40) + offset
            elif kind == VENDOR_CAPABILITY and what == NOTIFY:
                self.notify = (bar << 40) + offset
                multiplier = os.pread(self.device, 4, CONFIG + at + 16)
                (self.multiplier,) = struct.unpack("<I", multiplier)
            at = following

    def put(self, register, value):
        offset, width = register
        os.pwrite(self.device, struct.pack("<" + width, value), self.common + offset)

    def get(self, register):
        offset, width = register
        data = os.pread(self.device, struct.calcsize(width), self.common + offset)
        return struct.unpack("<" + width, data)[0]

    def map(self, fd, regions):
        """Map (iova, size, offset in the file) of a guest's memory."""
        for iova, size, offset in regions:
            memory = mmap.mmap(fd, size, offset=offset)
            address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
            self.maps.append(memory)
            ask = struct.pack("IIQQQ", 32, READ | WRITE, address, iova, size)
            ioctl(self.container, MAP_DMA, ask)

    def unmap(self, iova, size):
        _, answer = ioctl(self.container, UNMAP_DMA, struct.pack("IIQQ", 24, 0, iova, size))
        return struct.unpack("IIQQ", answer)[3]

    def ranges(self):
        """The IOVA ranges of VFIO_IOMMU_GET_INFO."""
        _, data = ioctl(self.container, IOMMU_GET_INFO, struct.pack("I", 512) + bytes(508))
        at = struct.unpack("IIQI", data[:20])[3]
        while at:
            kind, _, following, number = struct.unpack("HHII", data[at:at + 12])
            if kind == 1:
                return [struct.unpack("QQ", data[i:i + 16])
                        for i in range(at + 16, at + 16 + 16 * number, 16)]
            at = following
        return []

    def irq(self, vector, fds):
        """Connect vectors to eventfds, now."""
        head = struct.pack("IIIII", 20 + 4 * len(fds), DATA_EVENTFD | TRIGGER, MSIX, vector,
                           len(fds))
        ioctl(self.device, SET_IRQS, head + struct.pack(f"{len(fds)}i", *fds))

    def start(self, queues, size):
        """Reset, negotiate, and start queues at [(descriptors, driver area, device area)]."""
        for status in (0, 1, 3):
            self.put(DEVICE_STATUS, status)
            self.get(DEVICE_STATUS)
        for word, value in FEATURES.items():
            self.put(DRIVER_SELECT, word)
            self.put(DRIVER_FEATURE, value)
        self.put(DEVICE_STATUS, 11)
        assert self.get(DEVICE_STATUS) == 11
        offsets = []
        for number, places in enumerate(queues):
            self.put(QUEUE_SELECT, number)
            self.put(QUEUE_SIZE, size)
            self.put(QUEUE_VECTOR, number)
            assert self.get(QUEUE_VECTOR) == number
            for register, place in zip((QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE), places):
                self.put(register, place & 0xFFFFFFFF)
                self.put((register[0] + 4, "I"), place >> 32)
            self.put(QUEUE_ENABLE, 1)
            offsets.append(self.notify + self.get(QUEUE_NOTIFY_OFF) * self.multiplier)
        self.put(DEVICE_STATUS, 15)
        return offsets


class Served:
    """The requests: each is a method with its arguments, and the descriptors that came along."""

    def __init__(self, token):
        self.token = token
        self.vfs = {}

    def open(self, fds, name):
        self.vfs[name] = Vf(name, self.token)
        return None, [self.vfs[name].device]

    def map(self, fds, name, regions):
        self.vfs[name].map(fds[0], regions)
        return None, []

    def unmap(self, fds, name, iova, size):
        return self.vfs[name].unmap(iova, size), []

    def ranges(self, fds, name):
        return self.vfs[name].ranges(), []

    def irq(self, fds, name, vector):
        self.vfs[name].irq(vector, fds)
        return None, []

    def start(self, fds, name, queues, size):
        return self.vfs[name].start(queues, size), []


def main(path, token):
    served = Served(token)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(path)
        while True:
            text, fds, _, _ = socket.recv_fds(link, 65536, 16)
            if not text:
                return
            request = json.loads(text)
            try:
                answer, passed = getattr(served, request["do"])(fds, *request["args"])
                reply = {"answer": answer}
            except OSError as error:
                passed, reply = [], {"errno": error.errno}
            socket.send_fds(link, [json.dumps(reply).encode()], passed)
            for fd in fds:
                os.close(fd)


if __name__ == "__main__":
    main(*sys.argv[1:])
