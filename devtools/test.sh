#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors

# Run the tests: test.sh [--coverage] [LEVEL...], by default all of: unit rig host machine hostile.
#
#   unit     the tree itself (check.sh, lint.py), and each part alone
#   rig      the driver with the simulated NIC in one process
#   host     whole programs on the simulated host: dpdk-testpmd, vsrctl, vsrd, vsr-sim
#   machine  whole programs on a real kernel in a virtual machine (vm.sh), with the VFIO, the IOMMU
#            and the virtio_net of Linux, and the SR-IOV virtio-net of QEMU
#   hostile  unit and rig again with sanitizers, and each fuzzer for some seconds
#
# --coverage builds in $VSR_BUILD-coverage, runs the levels (by default: unit rig host), and prints
# for each folder how many of its lines and branches ran. A run of at least these three levels
# without a failure writes doc/coverage.rst.
# VSR_INTEROP=1 makes the level machine write doc/interop.rst instead of checking it.
# VSR_BUILD is the build folder (default: build). Files in it that are out of date are built again.
#
# Programs under test start with default signal dispositions, also when this script is started with
# signals ignored ("nohup devtools/test.sh &").

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

coverage=
if [ "${1-}" = --coverage ]; then
	coverage=1
	shift
	[ $# -gt 0 ] || set -- unit rig host
fi
for level in "$@"; do
	case $level in
	unit | rig | host | machine | hostile) ;;
	*) vsr_die "there is no level \"$level\": name some of unit, rig, host, machine, hostile, or no level for all." ;;
	esac
done
[ $# -gt 0 ] || set -- unit rig host machine hostile

"$VSR_ROOT/devtools/setup.sh"
if [ -n "$coverage" ]; then
	export VSR_BUILD=$VSR_BUILD-coverage
	# Threads count in the same counters.
	vsr_say "building in $VSR_BUILD, with counters"
	vsr_build "$VSR_BUILD" -Db_coverage=true -Dc_args=-fprofile-update=atomic
	/usr/bin/python3 "$VSR_ROOT/devtools/coverage.py" --build "$VSR_BUILD" --clear
else
	vsr_say "building in $VSR_BUILD"
	vsr_build "$VSR_BUILD"
fi

options=()
case " $* " in
*" machine "*)
	"$VSR_ROOT/devtools/vm.sh" get
	[ -z "${VSR_INTEROP-}" ] || options+=(--interop)
	;;
esac
case " $* " in
*" hostile "*)
	options+=(--hostile "$VSR_BUILD-hostile")
	;;
esac
run=(/usr/bin/python3 "$VSR_ROOT/devtools/test_run.py" --build "$VSR_BUILD" "${options[@]}" "$@")
[ -n "$coverage" ] || exec "${run[@]}"

code=0
"${run[@]}" || code=$?
options=()
[ "$code" -ne 0 ] || case " $* " in
*" unit "*) case " $* " in *" rig "*) case " $* " in *" host "*) options=(--write) ;; esac ;; esac ;;
esac
/usr/bin/python3 "$VSR_ROOT/devtools/coverage.py" --build "$VSR_BUILD" "${options[@]}" "$@" ||
	code=1
exit $code
