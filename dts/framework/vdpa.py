# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vdpa_vsr in its smallest application, and guests on its sockets: DPDK's virtio-user."""

import itertools
import json
import os
import re

from . import paths
from .child import Child
from .testpmd import Testpmd

PLUGIN = "drivers/vdpa/vsr/librte_vdpa_vsr.so"
_serial = itertools.count()


class VdpaServe:
    """The application vdpa_serve: shows each device to one guest, on a vhost-user socket.

    devices: {PCI address: further device arguments}.
    """

    def __init__(self, host, devices, eal=()):
        self.host = host
        self.prefix = f"vsrvdpa{os.getpid()}n{next(_serial)}"
        self.sockets = {bdf: host.dir / f"vhost{n}.sock" for n, bdf in enumerate(devices)}
        command = [paths.BUILD / "app/test/tools/vdpa_serve", "--lcores", host.lcores.split(",")[0]]
        command += ["-m", "64", "--file-prefix", self.prefix, "--in-memory", "--no-telemetry"]
        command += ["--iova-mode=va", "--log-level=pmd.vdpa.vsr:info"]
        for bdf, args in devices.items():
            command += ["-a", ",".join([bdf, "class=vdpa", *args])]
        if host.token:
            command += [f"--vfio-vf-token={host.token}"]
        command += [*eal, "--", *(f"{bdf}={path}" for bdf, path in self.sockets.items())]
        self.command = [str(word) for word in command]
        self.child = None

    def start(self):
        for path in self.sockets.values():
            path.unlink(missing_ok=True)  # of one that was killed
        self.child = Child(self.host.wrap(self.command), env=self.host.env, name="vdpa_serve")
        self.child.expect("^vdpa_serve is ready")
        return self

    def ask(self, text):
        """Send a command. Returns its answer."""
        mark = self.child.mark()
        self.child.send(text + "\n")
        return json.loads(self.child.expect(r"^(\{.*\})\s*$", since=mark).group(1))

    def info(self, bdf):
        return self.ask(f"info {bdf}")

    def queue(self, bdf, number):
        return self.ask(f"queue {bdf} {number}")

    def fds(self) -> int:
        """Open descriptors."""
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def status(self, name) -> int:
        """A number of /proc/PID/status."""
        with open(f"/proc/{self.child.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

    def threads(self) -> int:
        return self.status("Threads")

    def memory_kb(self) -> int:
        """Memory of its own, without that of guests."""
        return self.status("RssAnon")

    def quit(self) -> int:
        self.child.send("quit\n")
        return self.child.wait()

    def close(self):
        if self.child is not None:
            self.child.close()


# Options of virtio-user for each of its kinds of rings and paths.
GUESTS = {
    "split": ["packed_vq=0", "in_order=0"],
    "split one buffer": ["packed_vq=0", "in_order=0", "mrg_rxbuf=0"],
    "split in order": ["packed_vq=0", "in_order=1"],
    "split vectors": ["packed_vq=0", "in_order=0", "mrg_rxbuf=0", "vectorized=1"],
    "packed": ["packed_vq=1", "in_order=0"],
    "packed in order": ["packed_vq=1", "in_order=1"],
    "packed vectors": ["packed_vq=1", "in_order=1", "mrg_rxbuf=0", "vectorized=1"],
}


class VirtioUser(Testpmd):
    """testpmd as a guest: DPDK's virtio-user on a vhost-user socket."""

    def __init__(self, host, socket, options=(), eal=(), args=(), memory="64"):
        device = ",".join(["net_virtio_user0", f"path={socket}", *options])
        # vhost-user takes 8 regions of memory at most.
        eal = ["--no-pci", "--single-file-segments", "--vdev", device, *eal]
        super().__init__(host, [], eal=eal, args=args, memory=memory)
        # A guest of the real world does not see the simulated host.
        self.command = [word for word in self.command
                        if not re.match(r"--vfio-vf-token=", word)]

    def launch(self):
        self.child = Child(self.command, env={**os.environ, **self.env}, name="virtio-user")
        return self
