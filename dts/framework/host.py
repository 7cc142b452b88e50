# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A host with an SR-IOV virtio-net NIC: where programs under test run.

Two kinds: the simulated one (sim.py) and a real kernel in a virtual machine (machine.py). A test
that takes the fixture `host` runs on both; what it needs beyond the common it states with
pytest.mark.needs, and it is skipped with that reason where it is not.
"""

import json
import os
import pathlib
import subprocess

from . import paths
from .wait import SLOW

# What a test can need, and what is said where it is missing.
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
    """What both kinds have. A subclass gives wrap(), env, has, and the life of the host."""

    kind = ""
    has: frozenset = frozenset()  # of NEEDS
    pf = "0000:01:00.0"
    run_dir = pathlib.Path("/run/vsr")  # of vsrctl and vsrd, on the host
    token = None
    patience = SLOW  # seconds for a program to start, or to answer
    memory, mbufs = 256, 16384  # of a testpmd: megabytes, packet buffers

    @classmethod
    def lacks(cls, needs):
        """Why a test with these needs cannot run here; empty when it can."""
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
        """Run a command on the host to its end."""
        return subprocess.run(
            self.wrap(command), capture_output=True, text=True, timeout=timeout or self.patience,
            stdin=subprocess.DEVNULL, env=self.env, check=False,
        )

    def sweep(self, prefix):
        """Remove what an EAL with that file prefix leaves behind."""
        raise NotImplementedError

    # ------------------------------------------------------------ the NIC

    def device(self, address, devargs=""):
        """A function as net_vsr is told it: with what leads to the features asked for."""
        return address + devargs

    def open_tap(self, function):
        """The other end of the wire of "pf", "vf1", ..., for raw frames."""
        raise NotImplementedError

    def vsrctl(self, *args, timeout=None) -> subprocess.CompletedProcess:
        return self.run(paths.VSRCTL, *args, timeout=timeout)

    def create_vfs(self, count):
        """VFs by vsrctl; their addresses. The token is kept for testpmd."""
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
        """Pull or plug in the cable of "pf", "vf1", ..."""
        raise NotImplementedError

    # ------------------------------------------------------------ sysfs

    def read(self, *words) -> str:
        """A file of sysfs, stripped."""
        raise NotImplementedError

    def write(self, text, *words):
        """Write to a file of sysfs. OSError with the errno of the kernel."""
        raise NotImplementedError

    def log(self) -> str:
        """What the host's kernel said since the test began."""
        raise NotImplementedError

    def check_clean(self):
        """Raises AssertionError where the host has a complaint about the driver."""
        raise NotImplementedError
