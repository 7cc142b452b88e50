# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Paths of the programs under test."""

import functools
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("VSR_BUILD", ROOT / "build")).resolve()

VSR_SIM = BUILD / "app/vsr-sim/vsr-sim"
VSRCTL = BUILD / "app/vsrctl/vsrctl"
TESTPMD = "/usr/bin/dpdk-testpmd"


@functools.cache
def plugin(file="drivers/net/vsr/librte_net_vsr.so", build=BUILD) -> str:
    """A plug-in of the build folder, by default net_vsr, at a path that EAL's -d accepts.

    EAL loads nothing from below a folder that everyone can write to.
    """
    answer = subprocess.run(
        ["bash", "-c", '. "$0/devtools/lib.sh"; vsr_plugin "$1"', str(ROOT), file],
        env={**os.environ, "VSR_BUILD": str(build)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()
