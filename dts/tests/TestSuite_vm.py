# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""devtools/vm.sh: a command in the virtual machine, its results, and the clean-up."""

import os
import re
import signal
import subprocess

import pytest

from framework import paths
from framework.child import Child
from framework.wait import wait_for

INTEROP = None  # not in the document: no two programs are tested with each other

VM = paths.ROOT / "devtools/vm.sh"
BOOT = 600  # seconds


@pytest.fixture
def vm_command(closing, tmp_path):
    """vm_command(word, ...): start vm.sh in a temporary folder."""

    def start(*words):
        env = {**os.environ, "VSR_BUILD": str(paths.BUILD)}
        return closing(Child([VM, *words], env=env, cwd=tmp_path, name="vm.sh"))

    return start


def descendants(pid):
    """All children of a process, with their children."""
    done = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True,
                          timeout=60)
    parent = {int(row.split()[0]): int(row.split()[1]) for row in done.stdout.splitlines()}
    found = {pid}
    while True:
        more = {child for child, of in parent.items() if of in found} - found
        if not more:
            return found - {pid}
        found |= more


def test_job_brings_out_results_and_exit_code(vm_command, tmp_path):
    """Verify: the command runs as root on the kernel of the virtual machine, and the files of the
    host are read-only."""
    job = 'id -u; uname -r; cmp "$0" "$0" && ! touch "$0.new"; echo done > /mnt/result; exit 7'
    child = vm_command("run", "sh", "-c", job, VM)
    assert child.wait(BOOT) == 7
    lines = child.output.splitlines()
    assert "0" in lines and any(re.match(r"6\.\d+.*-cloud-amd64$", line) for line in lines)
    (out,) = tmp_path.glob("vm-out.*")
    assert (out / "result").read_text() == "done\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_machine_leaves_no_process(number, vm_command):
    child = vm_command("run", "sh", "-c", "echo up; sleep 600")
    child.expect(r"^up", BOOT)
    processes = descendants(child.pid)
    assert len(processes) >= 3  # QEMU and two virtiofsd
    child.signal(number)
    child.wait()
    wait_for(lambda: not [p for p in processes if os.path.exists(f"/proc/{p}")],
             "the processes of the machine to end")


@pytest.mark.parametrize("words", [[], ["frobnicate"], ["run"], ["get", "more"], ["shell", "x"]])
def test_bad_commands_are_refused(words, vm_command):
    child = vm_command(*words)
    assert child.wait() == 1 and len(child.output.strip().splitlines()) == 1
