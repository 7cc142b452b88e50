# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
"""vsr-bench: one command for each kind of figure. Uses the framework of dts."""
