# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""Wrappers that the system tests are written with: programs, the simulated host, networks."""
