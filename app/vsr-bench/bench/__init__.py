# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsr-bench: one command for each figure. Programs and the simulated host are those of dts."""
