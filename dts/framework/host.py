# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A host with an SR-IOV virtio-net NIC, on which the programs under test run.

There are two kinds: the simulated host (sim.py), and a real kernel in a virtual machine
(machine.py). A test that takes the fixture `make_host` runs on both. If the test needs something
that only one kind has, it says so with pytest.mark.needs, and is skipped on the other kind.
"""

import json
import os
import pathlib
import subprocess

from . import paths
from .wait import SLOW

# What a test can need, and the reason for skipping it where that is missing.
NEEDS = {
    "admin_queue": "its NIC has no administration virtqueue (ADMIN_VQ)",
    "notification_data": "its NIC does not offer NOTIFICATION_DATA",
    "notif_config_data": "its NIC does not offer NOTIF_CONFIG_DATA",
    "order_platform": "its NIC does not offer ORDER_PLATFORM",
    "kernel_parameters": "its kernel modules have no parameters",
    "profiles": "its NIC is of one kind",
    "wires": "its wires are taps, and QEMU has no faults to inject",
    "counters": "its NIC shows no counters of doorbells, drops and violations",
    "simd": "its processor has no AVX2 and no AVX-512",
    "queue_size": "its NIC has rings of at most 256 descriptors",
    "two_queues": "its NIC has one queue pair",
}


class Host:
    """The part that both kinds share. A subclass defines the rest."""

    kind = ""
    has: frozenset = frozenset()  # of NEEDS
    pf = "0000:01:00.0"
    run_dir = pathlib.Path("/run/vsr")  # of vsrctl and vsrd, on the host
    token = None
    patience = SLOW  # seconds for a program to start, or to answer
    memory, mbufs = 256, 16384  # of a testpmd: megabytes, packet buffers
    lcores = "0@0,1@1"  # of a testpmd: option --lcores

    @classmethod
    def lacks(cls, needs):
        """The reason why a test with these needs cannot run here; empty when it can."""
        for need in needs:
            if need not in cls.has:
                return f"the {cls.kind} host: {NEEDS[need]}"
        return ""

    # ------------------------------------------------------------ programs

    def wrap(self, command):
        """The command line, for this machine, that runs a command on the host."""
        raise NotImplementedError

    @property
    def env(self):
        return dict(os.environ)

    def run(self, *command, timeout=None) -> subprocess.CompletedProcess:
        """Run a command on the host and wait for its end."""
        return subprocess.run(
            self.wrap(command), capture_output=True, text=True, timeout=timeout or self.patience,
            stdin=subprocess.DEVNULL, env=self.env, check=False,
        )

    def sweep(self, prefix):
        """Remove the files that an EAL with this file prefix left."""
        raise NotImplementedError

    # ------------------------------------------------------------ the NIC

    def device(self, address, devargs=""):
        """The -a option for a function: its address, with devargs for the wanted features."""
        return address + devargs

    def open_tap(self, function):
        """Open the other end of the wire of "pf", "vf1", ..., for raw frames."""
        raise NotImplementedError

    def vsrctl(self, *args, timeout=None) -> subprocess.CompletedProcess:
        return self.run(paths.VSRCTL, *args, timeout=timeout)

    def create_vfs(self, count):
        """Create VFs with vsrctl. Returns their addresses; keeps the token for testpmd."""
        done = self.vsrctl("--json", "vf", "create", self.pf, count, timeout=120)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        self.token = answer["token"]
        assert answer["num_vfs"] == count and len(answer["vfs"]) == count
        return [vf["pci"] for vf in answer["vfs"]]

    def destroy_vfs(self):
        done = self.vsrctl("vf", "destroy", self.pf, timeout=120)
        assert done.returncode == 0, done.stderr

    def set_link(self, function, up):
        """Set the link of "pf", "vf1", ... up or down."""
        raise NotImplementedError

    # ------------------------------------------------------------ sysfs

    def read(self, *words) -> str:
        """The content of a file in sysfs, without white space at the ends."""
        raise NotImplementedError

    def write(self, text, *words):
        """Write to a file in sysfs. Raises OSError with the errno of the kernel."""
        raise NotImplementedError

    def log(self) -> str:
        """The messages of the host's kernel since the test began."""
        raise NotImplementedError

    def check_clean(self):
        """Raise AssertionError when the host has found a fault of the driver."""
        raise NotImplementedError
