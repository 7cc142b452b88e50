#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors

# Build the tree into $VSR_BUILD (default: build): build.sh [MESON OPTION...]

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$VSR_ROOT/devtools/setup.sh"
vsr_build "$VSR_BUILD" "$@"
