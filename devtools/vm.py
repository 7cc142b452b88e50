#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vm.sh run COMMAND... and vm.sh shell: boot the virtual machine and run a command in it."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "dts"))

from framework.machine import Booted  # noqa: E402
from framework.signals import default_for_children  # noqa: E402


def say(*words):
    print("vm.sh:", *words, file=sys.stderr, flush=True)


def keep(out):
    """Move what the command wrote to /mnt to the current folder, if it wrote anything."""
    if not any(out.iterdir()):
        return
    target = pathlib.Path.cwd() / f"vm-out.{os.getpid()}"
    shutil.move(out, target)
    say(f"the files of /mnt are in {target}")


def main():
    default_for_children()
    # These signals end this process through "finally", which closes the machine.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    command = ["/bin/bash"] if sys.argv[1] == "shell" else sys.argv[2:]
    say("booting")
    machine = Booted()
    try:
        if sys.argv[1] == "shell":
            for nic in machine.nics:
                lacks = ", ".join(sorted(nic.lacks)) or "nothing"
                say(f"PF {nic.pf} on vfio-pci, up to {nic.vfs} VFs, lacks {lacks}")
            say("the root of the host is mounted read-only; exit ends the virtual machine")
        # The terminal sends Ctrl-C to the command too, and the command decides.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        code = subprocess.call(machine.vm.wrap(command))
        keep(machine.vm.out)
        return code if code >= 0 else 128 - code
    finally:
        machine.close()


if __name__ == "__main__":
    sys.exit(main())
