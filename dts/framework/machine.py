# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A host with a real kernel: QEMU's SR-IOV virtio-net behind Linux' own VFIO and IOMMU.

One boot serves all tests of a run. Several NICs stand in it, alike but for what they offer.
"""

import dataclasses
import errno
import json
import os
import re

from . import paths
from .host import Host
from .net import Namespace, tap_name
from .qemu import Vm

NB_VFS = 2
NB_PAIRS = 2
SYSFS = "/sys"

# Feature names of vsr and the properties of QEMU's virtio-net-pci.
PROPERTIES = {
    "ring_packed": "packed", "in_order": "in_order", "mrg_rxbuf": "mrg_rxbuf",
    "event_idx": "event_idx", "indirect_desc": "indirect_desc", "ring_reset": "queue_reset",
    "mq": "mq", "rss": "rss",
}
# What each NIC lacks of them.
NICS = (
    frozenset(),
    frozenset({"event_idx", "indirect_desc", "ring_reset", "in_order"}),
)
# What the kernel's log may not say after a test. QEMU gives its VFs an interrupt pin, which
# Linux reports and which is nothing of ours.
BAD_LOG = re.compile(
    r"DMAR:.*(fault|error|invalid)|vfio[-_ ].*(error|fail|invalid|denied|warn|blocked|timed)"
    r"|WARNING:|BUG:|Oops|Call Trace|general protection|segfault|irq .*nobody cared",
    re.IGNORECASE,
)


@dataclasses.dataclass
class Nic:
    """One PF with its VFs; functions are numbered 0 (the PF), 1, ..."""

    number: int
    lacks: frozenset
    taps: list

    @property
    def pf(self):
        # Root ports are numbered by the firmware in the order of their slots.
        return f"0000:{self.number + 1:02x}:00.0"

    def mac(self, function):
        return f"02:51:45:4d:{self.number:02x}:{function:02x}"

    def arguments(self):
        """Arguments of QEMU; a PF comes after its VFs."""
        port = f"rp{self.number}"
        on = [f"{name}={'off' if feature in self.lacks else 'on'}"
              for feature, name in PROPERTIES.items()]
        args = ["-device", f"pcie-root-port,id={port},chassis={self.number + 1},"
                f"slot={self.number + 1},bus=pcie.0,addr={self.number + 4:x}"]
        for function in reversed(range(NB_VFS + 1)):
            name = f"n{self.number}f{function}"
            args += ["-netdev", f"tap,id={name},ifname={self.taps[function]},script=no,"
                     f"downscript=no,queues={NB_PAIRS},vhost=off"]
            kind = f"sriov-pf=pf{self.number}" if function else f"id=pf{self.number}"
            args += ["-device", ",".join([
                f"virtio-net-pci,bus={port},addr=0x0.{function:#x},netdev={name},{kind}",
                f"mac={self.mac(function)},iommu_platform=on,host_mtu=1500,speed=10000",
                "duplex=full", *on])]
        return args


class Booted:
    """The one machine of a run, with all NICs, in a network namespace of its own."""

    def __init__(self):
        self.space = Namespace("192.168.78.1")
        self.nics = [Nic(n, lacks, [tap_name() for _ in range(NB_VFS + 1)])
                     for n, lacks in enumerate(NICS)]
        self.vm = Vm([word for nic in self.nics for word in nic.arguments()],
                     namespace=self.space)
        try:
            self.vm.boot()
            for nic in self.nics:
                self._hand_over(nic)
        except BaseException:
            self.close()
            raise
        self.log_seen = 0

    def _hand_over(self, nic):
        """Bind a PF to vfio-pci, as the guides tell."""
        script = (f"cd {SYSFS}/bus/pci/devices/{nic.pf} && echo vfio-pci > driver_override"
                  f" && if [ -e driver ]; then echo {nic.pf} > driver/unbind; fi"
                  f" && echo {nic.pf} > {SYSFS}/bus/pci/drivers_probe && [ -e driver ]")
        done = self.vm.run("sh", "-c", script)
        assert done.returncode == 0, f"{nic.pf} cannot be bound to vfio-pci: {done.stderr}"

    def new_log(self):
        """What the kernel said since the last time."""
        lines = self.vm.run("dmesg").stdout.splitlines()
        new, self.log_seen = lines[self.log_seen :], len(lines)
        return new

    def close(self):
        self.vm.close()
        self.space.close()


class Machine(Host):
    """The part of the machine that one test uses: one of its NICs, given back at the end."""

    kind = "machine"
    has = frozenset({"two_queues"})

    def __init__(self, booted, features="", vfs=NB_VFS, queue_pairs=NB_PAIRS, wires=None):
        self.booted = booted
        self.vm = booted.vm
        off = {word[1:] for word in filter(None, features.split(",")) if word[0] == "-"}
        self.nic = next(nic for nic in booted.nics)
        assert vfs <= NB_VFS and queue_pairs <= NB_PAIRS
        self.pf = self.nic.pf
        self.off = off

    def wrap(self, command):
        return self.vm.wrap(command)
