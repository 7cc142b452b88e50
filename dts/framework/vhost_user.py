# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A front end of vhost-user with the guest's driver in it: one message, one buffer at a time.

For what programs like testpmd and QEMU do only by themselves: other memory, other descriptors,
rings that go on at a position, queues that come late.
"""

import array
import mmap
import os
import select
import socket
import struct

from .wait import SLOW, wait_for

GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE, SET_LOG_BASE = 1, 2, 3, 5, 6
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE = 8, 9, 10, 11
SET_VRING_KICK, SET_VRING_CALL = 12, 13
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, SET_VRING_ENABLE = 15, 16, 18
SET_BACKEND_REQ_FD, SET_STATUS = 21, 39
NEED_REPLY, VERSION, NO_FD = 1 << 3, 1, 1 << 8
BACKEND_NOTIFIER = 3
F_LOG, F_PROTOCOL = 1 << 26, 1 << 30
P_MQ, P_LOG, P_REPLY_ACK, P_BACKEND_REQ, P_BACKEND_FD, P_HOST_NOTIFIER, P_STATUS = (
    1 << bit for bit in (0, 1, 3, 5, 10, 11, 16))
VERSION_1, MRG_RXBUF, INDIRECT, EVENT_IDX, MQ = 1 << 32, 1 << 15, 1 << 28, 1 << 29, 1 << 22
NEXT, WRITE = 1, 2
HEADER = bytes(12)
RX_BYTES = 2048
USER = 0x7000_0000_0000  # virtual address of guest physical address 0 in the front end


class Region:
    """Memory of the guest in a file of its own."""

    def __init__(self, gpa, size):
        self.gpa, self.size = gpa, size
        self.fd = os.memfd_create("guest", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, size)
        self.bytes = mmap.mmap(self.fd, size)

    def close(self):
        self.bytes.close()
        os.close(self.fd)


class Ring:
    """A split ring, driver side. Each buffer has one descriptor and one place in memory."""

    def __init__(self, region, offset, size, slot_bytes):
        self.region, self.size = region, size
        self.desc = offset
        self.avail = offset + 16 * size
        self.used = (self.avail + 6 + 2 * size + 4095) & ~4095
        self.buffers = (self.used + 6 + 8 * size + 4095) & ~4095
        self.slot_bytes = slot_bytes
        self.end = self.buffers + size * slot_bytes
        self.kick, self.call = (os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in "kc")
        self.restart()

    def restart(self, at=0):
        """As a driver that begins: the ring is empty at this index."""
        self.next_avail = self.next_used = at
        self.free = list(range(self.size))
        self.region.bytes[self.desc:self.buffers] = bytes(self.buffers - self.desc)
        self._put("<H", self.avail + 2, at)
        self._put("<H", self.used + 2, at)

    def _put(self, layout, at, *values):
        struct.pack_into(layout, self.region.bytes, at, *values)

    def _get(self, layout, at):
        return struct.unpack_from(layout, self.region.bytes, at)

    def place(self, slot):
        return self.buffers + slot * self.slot_bytes

    def post(self, data=None, ring=True):
        """Make one buffer available: to send, or to receive into."""
        at = self.place(self.free[0])
        if data is not None:
            self.region.bytes[at:at + len(data)] = data
        length = self.slot_bytes if data is None else len(data)
        self.post_at(self.region.gpa + at, length, WRITE if data is None else 0, ring)

    def post_at(self, gpa, length, flags=0, ring=True):
        """Make a buffer available that is anywhere in the memory of the guest."""
        slot = self.free.pop(0)
        self._put("<QIHH", self.desc + 16 * slot, gpa, length, flags, 0)
        self._put("<H", self.avail + 4 + 2 * (self.next_avail % self.size), slot)
        self.next_avail = (self.next_avail + 1) & 0xffff
        self._put("<H", self.avail + 2, self.next_avail)
        if ring:
            self.ring()

    def ring(self):
        os.eventfd_write(self.kick, 1)

    @property
    def used_index(self):
        return self._get("<H", self.used + 2)[0]

    def take(self):
        """The next used buffer: (slot, bytes), or None."""
        if self.used_index == self.next_used:
            return None
        slot, length = self._get("<II", self.used + 4 + 8 * (self.next_used % self.size))
        self.next_used = (self.next_used + 1) & 0xffff
        self.free.append(slot)
        at = self.place(slot)
        return slot, bytes(self.region.bytes[at:at + length])

    def interrupted(self, timeout=SLOW):
        """Wait for an interrupt, and clear it."""
        ready, _, _ = select.select([self.call], [], [], timeout)
        if ready:
            os.eventfd_read(self.call)
        return bool(ready)

    def new_call(self):
        """Another descriptor for interrupts."""
        os.close(self.call)
        self.call = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def close(self):
        os.close(self.kick)
        os.close(self.call)


def connect(path):
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(SLOW)
    link.connect(str(path))
    return link


class FrontEnd:
    """A front end with its guest, connected to a socket.

    pairs: queue pairs that have rings. status: the front end says when its guest is complete.
    link: a connected socket, instead of a path. features, unwanted: bits to accept if they are
    offered, and not to accept.
    """

    def __init__(self, path=None, pairs=1, size=64, status=True, features=0, memory=8 << 20,
                 link=None, unwanted=0):
        self.status, self.wanted, self.unwanted = status, features, unwanted
        self.regions = [Region(0, memory)]
        self.rings = []
        end = 0
        for _ in range(2 * pairs):
            self.rings.append(Ring(self.regions[0], end, size, RX_BYTES))
            end = (self.rings[-1].end + 4095) & ~4095
        assert end <= memory
        self.link, self.back, self.back_peer = None, None, None
        self.connect(path, link)

    def connect(self, path=None, link=None):
        """Connect, or connect again; the guest keeps its rings."""
        for old in (self.link, self.back, self.back_peer):
            if old is not None:
                old.close()
        self.link = link or connect(path)
        self.link.settimeout(SLOW)
        self.back, self.back_peer, self.acks = None, None, False
        self.negotiate(self.wanted)

    # ------------------------------------------------------------ messages

    def send(self, request, payload=b"", fds=(), ack=True):
        flags = VERSION | (NEED_REPLY if ack and self.acks else 0)
        data = struct.pack("<III", request, flags, len(payload)) + payload
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.link.sendmsg([data], rights)
        if flags & NEED_REPLY:
            (failed,) = struct.unpack("<Q", self.reply(request))
            assert not failed, f"request {request} was refused"

    def reply(self, request):
        head = self._read(12)
        answer, _flags, size = struct.unpack("<III", head)
        assert answer == request, f"answer to {answer} instead of {request}"
        return self._read(size)

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self.link.recv(size - len(data))
            if not part:
                raise EOFError("the back end has closed the connection")
            data += part
        return data

    def alive(self):
        """Whether the back end answers on this connection."""
        try:
            self.ask(GET_FEATURES)
        except (EOFError, ConnectionError):
            return False
        return True

    def ask(self, request, payload=b""):
        self.send(request, payload, ack=False)
        return self.reply(request)

    def negotiate(self, features):
        (offered,) = struct.unpack("<Q", self.ask(GET_FEATURES))
        self.offered = offered
        self.send(SET_OWNER)
        (protocol,) = struct.unpack("<Q", self.ask(GET_PROTOCOL_FEATURES))
        wanted = P_MQ | P_LOG | P_REPLY_ACK | P_BACKEND_REQ | P_BACKEND_FD
        wanted |= P_HOST_NOTIFIER
        wanted |= P_STATUS if self.status else 0
        self.protocol = protocol & wanted
        self.send(SET_PROTOCOL_FEATURES, struct.pack("<Q", self.protocol))
        self.acks = bool(self.protocol & P_REPLY_ACK)
        self.features = (VERSION_1 | MRG_RXBUF | MQ | features) & offered | F_PROTOCOL
        self.features &= ~self.unwanted
        self.send(SET_FEATURES, struct.pack("<Q", self.features))
        if self.protocol & P_BACKEND_REQ:
            self.back, self.back_peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            self.send(SET_BACKEND_REQ_FD, fds=[self.back_peer.fileno()])

    def set_memory(self):
        payload = struct.pack("<II", len(self.regions), 0)
        for region in self.regions:
            payload += struct.pack("<QQQQ", region.gpa, region.size, USER + region.gpa, 0)
        self.send(SET_MEM_TABLE, payload, [region.fd for region in self.regions])

    def set_call(self, index, ring=None):
        ring = ring or self.rings[index]
        self.send(SET_VRING_CALL, struct.pack("<Q", index), [ring.call])

    def set_ring(self, index, base=0):
        ring = self.rings[index]
        self.send(SET_VRING_NUM, struct.pack("<II", index, ring.size))
        self.send(SET_VRING_BASE, struct.pack("<II", index, base))
        user = USER + ring.region.gpa
        self.send(SET_VRING_ADDR, struct.pack("<IIQQQQ", index, 0, user + ring.desc,
                                              user + ring.used, user + ring.avail, 0))
        self.set_call(index)
        self.send(SET_VRING_KICK, struct.pack("<Q", index), [ring.kick])

    def enable(self, index, on=True):
        self.send(SET_VRING_ENABLE, struct.pack("<II", index, on))

    def log_on(self):
        """Log written pages, in a new log. Returns the log: a bit for each page."""
        size = max(region.gpa + region.size for region in self.regions) // 4096 // 8
        fd = os.memfd_create("log", os.MFD_CLOEXEC)
        os.ftruncate(fd, size)
        log = mmap.mmap(fd, size)
        self.send(SET_LOG_BASE, struct.pack("<QQ", size, 0), [fd], ack=False)
        self.reply(SET_LOG_BASE)
        os.close(fd)
        self.send(SET_FEATURES, struct.pack("<Q", self.features | F_LOG))
        return log

    def log_off(self):
        self.send(SET_FEATURES, struct.pack("<Q", self.features))

    def answer_notifier(self, accept=True):
        """Answer one request of the back end for a doorbell. Returns (queue, mapped page or None)."""
        self.back.settimeout(SLOW)
        data, rights, _flags, _address = self.back.recvmsg(36, socket.CMSG_SPACE(4))
        request, _flags, _size, index, size, offset = struct.unpack("<IIIQQQ", data)
        assert request == BACKEND_NOTIFIER
        page = None
        for _level, _kind, fds in rights:
            (fd,) = struct.unpack("i", fds)
            if accept:
                page = mmap.mmap(fd, size, offset=offset)
            os.close(fd)
        self.back.sendall(struct.pack("<IIIQ", request, VERSION | 4, 8, not accept))
        return index & 0xff, page

    # ------------------------------------------------------------ the guest

    def start(self, bases=None, enabled=None):
        """Start the device of the guest, with the rings at these positions."""
        self.set_memory()
        for index in range(len(self.rings)):
            self.set_ring(index, (bases or {}).get(index, 0))
        for index in range(len(self.rings)):
            if enabled is None or index in enabled:
                self.enable(index)
        if self.status:
            self.send(SET_STATUS, struct.pack("<Q", 0xf))

    def stop(self):
        """Stop the device. Returns the positions of the rings."""
        bases = {}
        for index in range(len(self.rings)):
            self.enable(index, False)
        for index in range(len(self.rings)):
            answer = self.ask(GET_VRING_BASE, struct.pack("<II", index, 0))
            bases[index] = struct.unpack("<II", answer)[1]
        return bases

    def fill(self, pair=0, count=None):
        """Give buffers to the RX queue of a pair."""
        ring = self.rings[2 * pair]
        for _ in range(count or len(ring.free)):
            ring.post(ring=False)
        ring.ring()

    def transmit(self, frame, pair=0):
        """Send a frame, and wait until its buffer is used."""
        ring = self.rings[2 * pair + 1]
        ring.post(HEADER + frame)
        return wait_for(ring.take, "the frame is sent", every=0.001)

    def transmit_from(self, region, offset, frame, pair=0):
        """The same, with the frame at a place of a region."""
        ring = self.rings[2 * pair + 1]
        region.bytes[offset:offset + len(HEADER + frame)] = HEADER + frame
        ring.post_at(region.gpa + offset, len(HEADER + frame))
        return wait_for(ring.take, "the frame is sent", every=0.001)

    def receive(self, pair=0, timeout=SLOW):
        """The next frame. Its buffer is given to the device again."""
        ring = self.rings[2 * pair]
        used = wait_for(ring.take, "a frame was received", timeout, every=0.001)
        ring.post()
        return used[1][len(HEADER):]

    def receive_large(self, pair=0):
        """The next frame, which may be in several buffers."""
        ring = self.rings[2 * pair]
        frame, left = b"", 1
        while left:
            _slot, data = wait_for(ring.take, "a buffer of a frame", every=0.001)
            if not frame:
                # Without mergeable buffers, the back end may leave the number 0.
                left = struct.unpack_from("<H", data, len(HEADER) - 2)[0] or 1
                data = data[len(HEADER):]
            frame += data
            left -= 1
            ring.post()
        return frame

    def close(self):
        self.link.close()
        for thing in (self.back, self.back_peer, *self.rings, *self.regions):
            if thing is not None:
                thing.close()
        self.back = self.back_peer = None
        self.rings, self.regions = [], []
