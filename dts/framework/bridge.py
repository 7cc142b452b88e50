# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsr-bridge on the simulated host."""

import os
import signal

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
