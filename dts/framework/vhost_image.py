# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""The initramfs of a guest on a vhost-user socket. It has everything that the guest needs, so that
the guest has no shared folder and can migrate."""

import functools
import gzip
import lzma
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import qemu
from .wait import SLOW

INIT = pathlib.Path(__file__).with_name("vhost_init.sh")
TOOLS = ("ip", "ping", "iperf3")  # of this machine: their options are those that the tests know
MODULES = ("net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net")


def _copy_tool(name, root):
    source = pathlib.Path(shutil.which(name)).resolve()
    shutil.copy(source, root / "tools" / name)
    linked = subprocess.run(["ldd", source], capture_output=True, text=True, check=True,
                            timeout=SLOW).stdout
    for library in re.findall(r"(/\S+)", linked):
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pathlib.Path(library).resolve(), target)


def _copy_module(name, kernel, root):
    (folder,) = (kernel / "usr/lib/modules").iterdir()
    plain = folder / f"kernel/{name}.ko"
    packed = plain.with_suffix(".ko.xz")
    data = lzma.decompress(packed.read_bytes()) if packed.exists() else plain.read_bytes()
    (root / "modules" / plain.name).write_bytes(data)


@functools.cache
def image(kernel):
    """The bytes of the initramfs for a kernel: qemu.KERNEL or qemu.BACKPORTS."""
    busybox = qemu.ROOT / "usr/bin/busybox"
    with tempfile.TemporaryDirectory(prefix="vsr-image-", dir="/tmp") as folder:
        root = pathlib.Path(folder)
        for name in ("bin", "dev", "proc", "sys", "tmp", "tools", "modules"):
            (root / name).mkdir()
        shutil.copy(busybox, root / "bin/busybox")
        shutil.copy(INIT, root / "init")
        (root / "init").chmod(0o755)
        for name in TOOLS:
            _copy_tool(name, root)
        for name in MODULES:
            _copy_module(name, qemu.VM / kernel, root)
        names = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
        packed = subprocess.run(
            [busybox, "cpio", "-o", "-H", "newc"], cwd=root, input=names.encode(), check=True,
            capture_output=True, timeout=SLOW,
        ).stdout
    return gzip.compress(packed, 1)
