# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""What DPDK sees in this machine's processor."""

import ctypes
import functools
import subprocess


@functools.cache
def flags() -> frozenset:
    """Names of the processor features that rte_cpu_get_flag_enabled() reports: "AVX2", ..."""
    folder = subprocess.run(
        ["pkg-config", "--variable=libdir", "libdpdk"], capture_output=True, text=True,
        check=True, timeout=60,
    ).stdout.strip()
    ctypes.CDLL(f"{folder}/librte_eal.so", ctypes.RTLD_GLOBAL)
    # The global scope, so that a preloaded library answers as it answers a program of DPDK.
    eal = ctypes.CDLL(None)
    eal.rte_cpu_get_flag_name.restype = ctypes.c_char_p
    found = set()
    number = 0
    while name := eal.rte_cpu_get_flag_name(number):
        if eal.rte_cpu_get_flag_enabled(number) > 0:
            found.add(name.decode())
        number += 1
    return frozenset(found)
