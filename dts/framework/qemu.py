# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The processes of the virtual machine: QEMU with its control socket (QMP), and virtiofsd."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

from . import paths
from .child import Child
from .wait import SLOW, wait_for

VM = pathlib.Path(os.environ.get("VSR_VM", paths.BUILD / "vm")).absolute()
ROOT = VM / "root"
HERE = pathlib.Path(__file__).resolve().parent
PORTS = 6
MEMORY = 1024
# Folders of the kernels below VM.
KERNEL, BACKPORTS = "kernel", "kernel-backports"
APPEND = (
    "console=ttyS0 panic=-1 loglevel=4 nokaslr mitigations=off intel_iommu=on iommu=nopt"
    " tsc=reliable no_timer_check random.trust_cpu=on hugepagesz=2M hugepages=192"
    " vfio-pci.enable_sriov=1"
)


def get():
    """Fetch the pieces of the virtual machine if they are missing."""
    done = subprocess.run(
        [str(paths.ROOT / "devtools/vm.sh"), "get"], capture_output=True, text=True, check=False,
        env={**os.environ, "VSR_BUILD": str(paths.BUILD)}, stdin=subprocess.DEVNULL, timeout=600,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())


def program(path, *args):
    """The command line of a program in the unpacked packages. It runs with their loader and
    libraries, and the kernel kills it when this process ends for any reason."""
    return [
        "setpriv", "--pdeathsig", "KILL", ROOT / "usr/lib64/ld-linux-x86-64.so.2",
        "--library-path", ROOT / "usr/lib/x86_64-linux-gnu", ROOT / path, *args,
    ]


def version():
    """Versions of (QEMU, kernel, kernel of the backports)."""
    done = subprocess.run(
        list(map(str, program("usr/bin/qemu-system-x86_64", "--version"))), capture_output=True,
        text=True, check=True, timeout=SLOW,
    )
    kernels = [next((VM / folder / "usr/lib/modules").iterdir()).name
               for folder in (KERNEL, BACKPORTS)]
    return done.stdout.split()[3], *kernels


PLUGINS = "librte_bus_pci librte_bus_vdev librte_mempool_ring librte_net_virtio"


class Qmp:
    """The control socket of QEMU: one command, one answer."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SLOW)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rw")
        self._file.readline()
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        while True:
            answer = json.loads(self._file.readline())
            if "error" in answer:
                raise RuntimeError(f"QEMU: {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self):
        self._file.close()
        self._socket.close()


class Vm:
    """One boot of the virtual machine.

    devices: arguments for QEMU, for devices on the PCI bus.
    namespace: the network namespace in which QEMU makes taps.
    kernel: KERNEL or BACKPORTS.
    """

    def __init__(self, devices=(), kernel_args="", iommu_args="", namespace=None, kernel=KERNEL):
        self.devices = [str(word) for word in devices]
        self.kernel_args = kernel_args
        self.iommu_args = iommu_args
        self.namespace = namespace
        self.kernel = VM / kernel
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vsr-vm-", dir="/tmp"))
        self.out = self.dir / "out"
        self.out.mkdir()
        self.child = None
        self.qmp = None
        self._shares = []

    def _share(self, tag, folder, *args):
        """Start a virtiofsd for a folder. Returns the arguments for QEMU."""
        path = self.dir / f"{tag}.sock"
        command = program("usr/libexec/virtiofsd", "--sandbox", "none", "--log-level", "error",
                          f"--socket-path={path}", f"--shared-dir={folder}", *args)
        share = Child(command, name=f"virtiofsd {tag}")
        self._shares.append(share)
        wait_for(path.exists, f"virtiofsd: {share.output}")
        return ["-chardev", f"socket,id={tag},path={path}",
                "-device", f"vhost-user-fs-pci,chardev={tag},tag={tag},queue-size=1024"]

    def _command(self):
        # Words of the kernel's command line end at a space, which the path of the tree may have.
        agent = self.dir / "framework"
        agent.symlink_to(HERE)
        append = f"{APPEND} vsr.agent={agent / 'guest_agent.py'} {self.kernel_args}"
        args = [
            "-L", ROOT / "usr/share/qemu", "-L", ROOT / "usr/share/seabios",
            "-L", ROOT / "usr/lib/ipxe/qemu",
            "-M", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "Nehalem", "-smp", "2",
            "-m", MEMORY, "-object", f"memory-backend-memfd,id=mem,size={MEMORY}M,share=on",
            "-machine", "memory-backend=mem",
            "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
            "-qmp", f"unix:{self.dir / 'qmp.sock'},server=on,wait=off",
            "-device", f"intel-iommu,intremap=on{self.iommu_args}",
            "-kernel", self.kernel / "vmlinuz", "-initrd", self.kernel / "initrd",
            "-append", append,
            "-device", f"virtio-serial-pci,max_ports={PORTS + 1}",
        ]
        for n in range(PORTS):
            path = self.dir / f"port{n}.sock"
            args += ["-chardev", f"socket,id=port{n},path={path},server=on,wait=off",
                     "-device", f"virtserialport,chardev=port{n},name=port{n},nr={n + 1}"]
        args += self._share("host", "/", "--readonly")
        args += self._share("out", self.out)
        command = program("usr/bin/qemu-system-x86_64", *args, *self.devices)
        return self.namespace.wrap(*command) if self.namespace else command

    def boot(self, timeout=600):
        """Boot, and wait until a command runs."""
        self.child = Child(self._command(), name="qemu")
        wait_for((self.dir / "qmp.sock").exists, f"QEMU: {self.child.output}")
        self.qmp = Qmp(self.dir / "qmp.sock")
        done = self.run("true", timeout=timeout)
        assert done.returncode == 0, f"{done.stderr}\n{self.child.output}"
        return self

    def wrap(self, command):
        """The command line, for this machine, that runs a command in the virtual machine."""
        return [sys.executable, "-B", str(HERE / "guest_run.py"), str(self.dir),
                *map(str, command)]

    def run(self, *command, timeout=240) -> subprocess.CompletedProcess:
        """Run a command in the virtual machine and wait for its end."""
        return subprocess.run(
            self.wrap(command), capture_output=True, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL,
        )

    def thin_dpdk(self):
        """Hide all drivers of DPDK except those that the tests use and those that testpmd is linked
        with. EAL loads every driver in its folder, which takes 15 s under emulation."""
        done = self.run("sh", "-ec", f"""
            cd /usr/lib/*/dpdk/pmds-*
            mkdir /run/pmds
            for name in $(ldd $(command -v dpdk-testpmd) | grep -o '^[^.]*') {PLUGINS}; do
                [ ! -e $name.so ] || cp -P $name.so* /run/pmds
            done
            mount --bind /run/pmds .""")
        assert done.returncode == 0, done.stderr
        return self

    def alive(self):
        return self.child is not None and self.child.alive()

    def close(self):
        if self.qmp is not None:
            try:
                self.qmp("quit")
                self.child.wait(10)
            except (OSError, ValueError, RuntimeError, TimeoutError):
                pass  # QEMU is killed below
            self.qmp.close()
            self.qmp = None
        for child in [self.child, *self._shares]:
            if child is not None:
                child.close()
        shutil.rmtree(self.dir, ignore_errors=True)
