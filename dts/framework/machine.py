# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""A host with a real kernel: QEMU's SR-IOV virtio-net with the VFIO and the IOMMU of Linux.

All tests of a run share one boot. It has several NICs that offer different features.
"""

import dataclasses
import errno
import os
import re
import shlex

from .host import Host
from .net import Namespace, tap_name
from .qemu import Vm
from .tap import Tap

NB_PAIRS = 2

# Feature names of vsr and the properties of QEMU's virtio-net-pci.
PROPERTIES = {
    "ring_packed": "packed", "in_order": "in_order", "mrg_rxbuf": "mrg_rxbuf",
    "event_idx": "event_idx", "indirect_desc": "indirect_desc", "ring_reset": "queue_reset",
    "mq": "mq", "rss": "rss",
}
# Features that net_vsr can be told not to accept.
DEVARGS = {"ring_packed": "packed=0", "mrg_rxbuf": "mrg_rxbuf=0", "in_order": "in_order=0"}
# Messages that the kernel's log must not have. Linux logs "bogus INTx" because QEMU's VFs have an
# interrupt pin register that is not 0: a fault of QEMU.
BAD_LOG = re.compile(
    r"DMAR:.*(fault|error|invalid)|vfio.*(error|fail|invalid|warn|timed)|WARNING:|BUG:|Oops"
    r"|Call Trace|general protection|segfault|nobody cared",
    re.IGNORECASE,
)


@dataclasses.dataclass
class Nic:
    """One PF with its VFs. Function 0 is the PF."""

    number: int
    vfs: int
    lacks: frozenset
    taps: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        self.taps = [tap_name() for _ in range(self.vfs + 1)]

    @property
    def pf(self):
        # The firmware numbers the buses in the order of the root ports.
        return f"0000:{self.number + 1:02x}:00.0"

    @staticmethod
    def function(name):
        return 0 if name == "pf" else int(name[2:])

    def device(self, name):
        """The name of a function in QEMU."""
        return f"nic{self.number}f{self.function(name)}"

    def arguments(self):
        """Arguments for QEMU. QEMU wants the VFs before their PF."""
        port = f"rp{self.number}"
        on = [f"{name}={'off' if feature in self.lacks else 'on'}"
              for feature, name in PROPERTIES.items()]
        pairs = 1 if "mq" in self.lacks else NB_PAIRS
        args = ["-device", f"pcie-root-port,id={port},chassis={self.number + 1},"
                f"slot={self.number + 1},bus=pcie.0,addr={self.number + 4:x}"]
        for function in reversed(range(self.vfs + 1)):
            net, device = f"net{self.number}f{function}", f"nic{self.number}f{function}"
            args += ["-netdev", f"tap,id={net},ifname={self.taps[function]},script=no,"
                     f"downscript=no,queues={pairs},vhost=off"]
            args += ["-device", ",".join([
                f"virtio-net-pci,bus={port},addr=0x0.{function:#x},netdev={net},id={device}",
                *([f"sriov-pf=nic{self.number}f0"] if function else []),
                f"mac=02:51:45:4d:{self.number:02x}:{function:02x}",
                "iommu_platform=on,host_mtu=1500,speed=10000,duplex=full", *on])]
        return args


def nics():
    """All NICs: the first offers all features of PROPERTIES, the last none."""
    return [
        Nic(0, 4, frozenset()),
        Nic(1, 2, frozenset({"event_idx"})),
        Nic(2, 2, frozenset({"indirect_desc"})),
        Nic(3, 2, frozenset(PROPERTIES)),
    ]


class Booted:
    """The virtual machine of a run, with all NICs. Its taps are in their own network namespace."""

    def __init__(self):
        self.space = Namespace("192.168.78.1")
        self.nics = nics()
        self.vm = Vm([word for nic in self.nics for word in nic.arguments()],
                     namespace=self.space)
        self.log_seen = 0
        try:
            self.vm.boot().thin_dpdk()
            for nic in self.nics:
                self.bind(nic.pf)
            self.log()
        except BaseException:
            self.close()
            raise

    def sh(self, script):
        """Run a shell script in the virtual machine. Returns its output."""
        done = self.vm.run("sh", "-ec", script)
        if done.returncode != 0:
            raise OSError(f"in the virtual machine: {script}: {done.stderr.strip()}")
        return done.stdout

    def bind(self, address, driver="vfio-pci"):
        """Bind a function to a driver, as the guides show."""
        self.sh(f"cd /sys/bus/pci/devices/{address}; echo {driver} > driver_override;"
                f" [ ! -e driver ] || echo {address} > driver/unbind;"
                f" echo {address} > /sys/bus/pci/drivers_probe; [ -e driver ]")

    def log(self):
        """Messages of the kernel since the last call."""
        text = self.vm.child.output
        new, self.log_seen = text[self.log_seen :], len(text)
        return new.splitlines()

    def alive(self):
        return self.vm.alive()

    def close(self):
        self.vm.close()
        self.space.close()


class Machine(Host):
    """The part of the virtual machine that one test uses: one of its NICs. close() restores it.

    The arguments are those of Sim. To leave a feature out, a NIC without the feature is chosen, or
    net_vsr is told not to accept it.
    """

    kind = "machine"
    has = frozenset({"two_queues", "kernel_parameters"})
    patience = 240
    memory, mbufs = 64, 4096

    def __init__(self, booted, profile="full", features="", vfs=2, queue_pairs=2, taps=()):
        wanted, unwanted = self.asked(features)
        self.booted = booted
        self.nic = self.choose(booted.nics, profile, wanted, unwanted)
        self.devargs = "".join(f",{DEVARGS[name]}" for name in sorted(unwanted - self.nic.lacks))
        self.pf = self.nic.pf
        self._messages = []

    @classmethod
    def refuses(cls, profile="full", features="", vfs=2, queue_pairs=2, wires=None, args=(),
                **conf):
        """The reason why no NIC here has these properties; empty when one has."""
        wanted, unwanted = cls.asked(features)
        if profile not in ("full", "minimal") or wires or args:
            return cls.lacks(["profiles" if profile not in ("full", "minimal") else "wires"])
        for name in sorted((wanted | unwanted) - set(PROPERTIES)):
            return f"the machine host: its NIC never offers {name}"
        if vfs > nics()[0].vfs or queue_pairs > NB_PAIRS:
            return f"the machine host: its NIC has {nics()[0].vfs} VFs and {NB_PAIRS} queue pairs"
        if cls.choose(nics(), profile, wanted, unwanted) is None:
            return f"the machine host: none of its NICs has {features}"
        return ""

    @staticmethod
    def asked(features):
        """(wanted features, unwanted features). No NIC here has an admin queue anyway."""
        words = list(filter(None, features.split(",")))
        return ({word[1:] for word in words if word[0] == "+"},
                {word[1:] for word in words if word[0] == "-"} - {"admin_vq"})

    @staticmethod
    def choose(among, profile, wanted, unwanted):
        """The NIC with all wanted features and without those unwanted ones that net_vsr cannot
        leave out."""
        must_lack = unwanted - set(DEVARGS)
        if profile == "minimal":
            return among[-1] if not wanted else None
        for nic in among[:-1]:
            if must_lack <= nic.lacks and not wanted & nic.lacks:
                return nic
        return None

    # ------------------------------------------------------------ start and end

    def start(self):
        return self

    def close(self):
        """Restore the NIC: no VFs, bound to vfio-pci, all links up."""
        if not self.booted.alive():
            return
        # The write waits until no process has a VF open.
        driver = self.booted.sh(f"cd /sys/bus/pci/devices/{self.pf}; echo 0 > sriov_numvfs;"
                                " rm -rf /run/vsr/* /run/dpdk/* /dev/hugepages/*;"
                                " readlink driver ||:")
        if not driver.strip().endswith("/vfio-pci"):
            self.booted.bind(self.pf)
        for function in range(self.nic.vfs + 1):
            self.booted.vm.qmp("set_link", name=f"nic{self.nic.number}f{function}", up=True)
        self._messages += self.booted.log()
        print("---- kernel of the virtual machine\n" + "\n".join(self._messages))

    def check_clean(self):
        self._messages += self.booted.log()
        bad = [line for line in self._messages if BAD_LOG.search(line) and "bogus INTx" not in line]
        assert not bad, "the kernel logged:\n" + "\n".join(bad)

    # ------------------------------------------------------------ programs

    def wrap(self, command):
        return self.booted.vm.wrap(command)

    def sweep(self, prefix):
        pass  # close() removes the files of all programs

    # ------------------------------------------------------------ the NIC

    def device(self, address, devargs=""):
        return address + self.devargs + devargs

    def open_tap(self, function):
        return Tap(self.nic.taps[Nic.function(function)], self.booted.space).open()

    def set_link(self, function, up):
        self.booted.vm.qmp("set_link", name=self.nic.device(function), up=up)

    # ------------------------------------------------------------ sysfs and log

    def log(self):
        self._messages += self.booted.log()
        return "\n".join(self._messages)

    def read(self, *words):
        return self.booted.sh(f"cat {shlex.quote('/'.join(('/sys', *words)))}").strip()

    def write(self, text, *words):
        path = "/".join(("/sys", *words))
        # bash, because its echo prints the error of write().
        done = self.run("bash", "-c", 'echo "$0" > "$1"', str(text), path)
        if done.returncode != 0:
            text = done.stderr.strip().rsplit(": ", 1)[-1]
            number = next((n for n in errno.errorcode if os.strerror(n) == text), errno.EIO)
            raise OSError(number, text, path)
