# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsr-bridge on the simulated host."""

from . import paths
from .vsrd import Daemon
from .wait import SLOW, wait_for

BRIDGE = paths.BUILD / "app/vsr-bridge/vsr-bridge"


class Bridge(Daemon):
    """vsr-bridge."""

    def __init__(self, host, keeper=False, args=()):
        super().__init__(host, BRIDGE, args, keeper)
        self.state = host.run_dir / "guests.json"

    def path(self, vf):
        """A short path for the socket of a guest."""
        return self.host.dir / f"g{vf}"

    def add(self, vf, **params):
        """Add a guest on a VF. Returns the answer."""
        return self.call("guest.add", pf=self.host.pf, vf=vf, socket=str(self.path(vf)), **params)

    def add_legacy(self, vf, **params):
        """Add a guest on a VF that is shown as a transitional function."""
        return self.add(vf, kind="vfio-user", variant="legacy", **params)

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
