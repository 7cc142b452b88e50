#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
#
# The verbs of a ring are constants of a burst: no table of them may be left in the object files
# of the bursts, or the fast path calls through pointers. Argument: the library of the driver.

symbols=$(nm "$1") || exit 1
left=$(printf '%s\n' "$symbols" | awk '
	/^[^ ]*:$/ { file = $0 }
	/ vio_ring_/ && file ~ /vsr_(rx|slow|tx|vec)\.c\.o/ { printf " %s%s", file, $NF }
	file ~ /vsr_(rx|slow|tx|vec)\.c\.o/ { seen++ }
	END { if (!seen) printf " no bursts in the library" }')
if [ -n "$left" ]; then
	echo "FAIL ring_verbs_fold:$left"
	exit 1
fi
echo "ok ring_verbs_fold"
