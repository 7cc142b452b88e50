#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors

# Run the tests: test.sh [LEVEL...], by default all of: unit rig host machine hostile.
#
#   unit     the tree itself (check.sh), and each part alone
#   rig      the driver with the simulated NIC in one process
#   host     whole programs on the simulated host: dpdk-testpmd, vsrctl, vsrd, vsr-sim
#   machine  whole programs on a real kernel in a virtual machine (vm.sh), with the VFIO, the IOMMU
#            and the virtio_net of Linux, and the SR-IOV virtio-net of QEMU
#   hostile  unit and rig again with sanitizers, and each fuzzer for some seconds
#
# VSR_INTEROP=1 makes the level machine write doc/interop.rst instead of checking it.
# VSR_BUILD is the build folder (default: build). Files in it that are out of date are built again.
#
# Programs under test start with default signal dispositions, also when this script is started with
# signals ignored ("nohup devtools/test.sh &").

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for level in "$@"; do
	case $level in
	unit | rig | host | machine | hostile) ;;
	*) vsr_die "there is no level \"$level\": name some of unit, rig, host, machine, hostile, or no level for all." ;;
	esac
done
[ $# -gt 0 ] || set -- unit rig host machine hostile

"$VSR_ROOT/devtools/setup.sh"
vsr_say "building in $VSR_BUILD"
vsr_build "$VSR_BUILD"

options=()
case " $* " in
*" machine "*)
	"$VSR_ROOT/devtools/vm.sh" get
	[ -z "${VSR_INTEROP-}" ] || options+=(--interop)
	;;
esac
case " $* " in
*" hostile "*)
	vsr_say "building in $VSR_BUILD-hostile, with sanitizers"
	CC=clang vsr_build "$VSR_BUILD-hostile" -Db_sanitize=address,undefined -Db_lundef=false \
		-Dfuzz=true
	options+=(--hostile "$VSR_BUILD-hostile")
	;;
esac
exec /usr/bin/python3 "$VSR_ROOT/devtools/test_run.py" --build "$VSR_BUILD" "${options[@]}" "$@"
