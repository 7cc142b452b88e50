# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsr-bridge on the simulated host, and front ends of vhost-user that a test moves by hand."""

import array
import os
import signal
import socket
import struct

from . import paths
from .child import Child
from .vsrd import KEEPER, Client
from .wait import SLOW, wait_for

BRIDGE = paths.BUILD / "app/vsr-bridge/vsr-bridge"


class Bridge:
    """vsr-bridge, started by vsrd-keeper or alone."""

    def __init__(self, host, keeper=False, args=()):
        self.host = host
        self.keeper = keeper
        self.command = host.wrap([*([KEEPER] if keeper else []), BRIDGE, *args])
        self.socket = host.run_dir / "vsr-bridge.sock"
        self.state = host.run_dir / "guests.json"
        self.child = None

    def start(self):
        self.child = Child(self.command, env=self.host.env, name="vsr-bridge")
        self.child.expect("answers on", self.host.patience)
        return self

    def client(self) -> Client:
        return Client(self.socket)

    def call(self, method, **params):
        client = self.client()
        try:
            return client.call(method, **params)
        finally:
            client.close()

    @property
    def pid(self) -> int:
        """The pid of vsr-bridge, not of its keeper."""
        return self.call("health")["pid"]

    def path(self, vf):
        """A short path for the socket of a guest."""
        return self.host.dir / f"g{vf}"

    def add(self, vf, **params):
        """Add a guest on a VF. Returns the answer."""
        return self.call("guest.add", pf=self.host.pf, vf=vf, socket=str(self.path(vf)), **params)

    def remove(self, vf):
        return self.call("guest.remove", pf=self.host.pf, vf=vf)

    def show(self, vf):
        return self.call("guest.show", pf=self.host.pf, vf=vf)

    def guests(self):
        return self.call("guest.list")["guests"]

    def wait_running(self, *vfs, timeout=SLOW):
        """Wait until the guests of these VFs are ready for their front ends."""

        def ready():
            states = {one["vf"]: one["state"] for one in self.guests()}
            return all(states.get(vf) == "running" for vf in vfs)

        wait_for(ready, f"guests on the VFs {vfs}", timeout)

    def kill(self):
        """kill -9 vsr-bridge. With a keeper, wait until the next one answers."""
        mark = self.child.mark()
        os.kill(self.pid, signal.SIGKILL)
        if self.keeper:
            self.child.expect("answers on", self.host.patience, mark)
        else:
            self.child.wait(self.host.patience)
            self.child.close()

    def stop(self) -> int:
        """Stop vsr-bridge and its keeper. Returns the exit code."""
        self.child.signal(signal.SIGTERM)
        return self.child.wait(self.host.patience)

    def close(self):
        if self.child is None:
            return
        if self.child.alive():
            self.child.signal(signal.SIGTERM)
            try:
                self.child.wait(30)
            except TimeoutError:
                self.child.kill()
        self.child.close()


# Requests of the protocol
GET_FEATURES = 1
SET_FEATURES = 2
SET_OWNER = 3
SET_MEM_TABLE = 5
SET_VRING_NUM = 8
SET_VRING_ADDR = 9
SET_VRING_BASE = 10
GET_VRING_BASE = 11
SET_VRING_KICK = 12
SET_VRING_CALL = 13
GET_PROTOCOL_FEATURES = 15
SET_PROTOCOL_FEATURES = 16
GET_QUEUE_NUM = 17
SET_VRING_ENABLE = 18

VERSION, REPLY, NEED_REPLY = 1, 4, 8
F_VERSION_1, F_PROTOCOL = 1 << 32, 1 << 30
BASE = 0x7F0000000000  # address of its memory in the front end, as it says


class Closed(Exception):
    """vsr-bridge has ended the connection."""


class FrontEnd:
    """A front end that a test moves by hand, without a driver behind it."""

    def __init__(self, path=None, peer=None, timeout=SLOW):
        self.socket = peer or socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        if peer is None:
            self.socket.connect(str(path))
        self.memory = os.memfd_create("guest")
        os.ftruncate(self.memory, 4 << 20)
        self.events = [os.eventfd(0) for _ in range(4)]

    def close(self):
        self.socket.close()
        for descriptor in self.events + [self.memory]:
            os.close(descriptor)

    def send(self, request, payload=b"", fds=(), flags=VERSION):
        try:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            self.socket.sendmsg([struct.pack("<III", request, flags, len(payload)) + payload],
                                rights)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def receive(self):
        header = self._exactly(12)
        return self._exactly(struct.unpack("<III", header)[2])

    def _exactly(self, nb):
        data = b""
        while len(data) < nb:
            try:
                piece = self.socket.recv(nb - len(data))
            except ConnectionResetError:
                raise Closed from None
            if not piece:
                raise Closed
            data += piece
        return data

    def ask(self, request, payload=b""):
        """Send a request that has an answer. Returns its number."""
        self.send(request, payload)
        answer = self.receive()
        return struct.unpack("<Q", answer.ljust(8, b"\0"))[0]

    def acked(self, request, payload=b"", fds=()):
        """Send a request and wait for its acknowledgement, which must be good."""
        self.send(request, payload, fds, VERSION | NEED_REPLY)
        assert struct.unpack("<Q", self.receive())[0] == 0, request

    def agree(self):
        """Agree on features."""
        offered = self.ask(GET_FEATURES)
        self.send(SET_PROTOCOL_FEATURES, struct.pack("<Q", self.ask(GET_PROTOCOL_FEATURES)))
        self.acked(SET_OWNER)
        self.acked(SET_FEATURES, struct.pack("<Q", offered & (F_VERSION_1 | F_PROTOCOL)))
        return self

    def share(self):
        """Share memory."""
        region = struct.pack("<II4Q", 1, 0, 0, 4 << 20, BASE, 0)
        self.acked(SET_MEM_TABLE, region, [self.memory])
        return self

    def start(self, rings=2):
        """Start rings that are empty, and enable them."""
        for ring in range(rings):
            at = BASE + 0x100000 * ring
            self.acked(SET_VRING_NUM, struct.pack("<II", ring, 256))
            self.acked(SET_VRING_BASE, struct.pack("<II", ring, 0))
            self.acked(SET_VRING_ADDR,
                       struct.pack("<II4Q", ring, 0, at, at + 0x4000, at + 0x2000, 0))
            self.acked(SET_VRING_CALL, struct.pack("<Q", ring), [self.events[ring]])
            self.acked(SET_VRING_KICK, struct.pack("<Q", ring), [self.events[2 + ring]])
            self.acked(SET_VRING_ENABLE, struct.pack("<II", ring, 1))
        return self

    def alive(self) -> bool:
        """Whether vsr-bridge answers on this connection."""
        try:
            self.ask(GET_FEATURES)
        except Closed:
            return False
        return True

