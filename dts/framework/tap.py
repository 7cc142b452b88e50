# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Raw frames to and from a tap that is the wire of a function."""

import contextlib
import json
import os
import select
import socket
import time

from .net import sh
from .wait import SLOW, wait_for

ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
TP_STATUS_VLAN_VALID = 1 << 4


class Tap:
    """The host's end of a tap. The kernel itself sends nothing into it."""

    def __init__(self, name, namespace=None):
        """namespace: the network namespace of the tap; None is the machine's own."""
        self.name = name
        self._namespace = namespace
        self._socket = None

    def open(self):
        """Wait until the simulator or QEMU has made the tap, and open it."""
        run = self._namespace.run if self._namespace else sh
        if not self._namespace:
            wait_for(lambda: os.path.exists(f"/sys/class/net/{self.name}"),
                     f"interface {self.name}")
        run("sysctl", "-qw", f"net.ipv6.conf.{self.name}.disable_ipv6=1", check=False)
        run("ip", "link", "set", self.name, "arp", "off", "up", "promisc", "on")
        self.mac = json.loads(run("ip", "-j", "link", "show", self.name))[0]["address"]
        with self._namespace.entered() if self._namespace else contextlib.nullcontext():
            self._open_socket()
        return self

    def _open_socket(self):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        # The kernel removes VLAN tags from frames and reports them as auxiliary data.
        self._socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self._socket.bind((self.name, 0))
        self._socket.setblocking(False)

    def send(self, frames, timeout=SLOW):
        end = time.monotonic() + timeout
        for frame in frames:
            while True:
                try:
                    self._socket.send(frame)
                    break
                except (BlockingIOError, OSError) as error:
                    if not isinstance(error, BlockingIOError) and error.errno != 105:  # ENOBUFS
                        raise
                    if time.monotonic() > end:
                        raise TimeoutError(f"{self.name} accepts no more frames") from None
                    select.select([], [self._socket], [], 0.05)

    def receive(self, count, timeout=SLOW):
        """Receive frames, fewer than `count` when they do not arrive before the timeout."""
        frames = []
        end = time.monotonic() + timeout
        while len(frames) < count:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                break
            data, extra, _, _ = self._socket.recvmsg(65536, 256)
            frames.append(with_vlan(data, extra))
        return frames

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def with_vlan(data, extra):
    """Put back the VLAN tag that the kernel removed (struct tpacket_auxdata)."""
    for level, kind, value in extra:
        if level == SOL_PACKET and kind == PACKET_AUXDATA and len(value) >= 20:
            status = int.from_bytes(value[0:4], "little")
            if status & TP_STATUS_VLAN_VALID:
                tci = int.from_bytes(value[16:18], "little")
                tpid = int.from_bytes(value[18:20], "little") or 0x8100
                return data[:12] + tpid.to_bytes(2, "big") + tci.to_bytes(2, "big") + data[12:]
    return data
