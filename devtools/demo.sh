#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors

# Show net_vsr at work without the hardware: real TCP traffic between two network namespaces, across
# two VFs of a simulated NIC and dpdk-testpmd, then 64-byte packets at full speed. Everything that
# the demonstration makes is removed at its end.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 0 ] || vsr_die "there are no arguments, but \"$*\" was given."
"$VSR_ROOT/devtools/setup.sh"
[ "$(id -u)" -eq 0 ] || vsr_die "the demonstration makes network namespaces: run it as root."
vsr_say "building in $VSR_BUILD"
vsr_build "$VSR_BUILD"

# demo.py removes what it makes. If demo.py is killed, this script removes what the file "made"
# lists.
VSR_DEMO_DIR=$(mktemp -d /tmp/vsr-demo.XXXXXX)
export VSR_DEMO_DIR VSR_BUILD
demo_pid=
clean_up() {
	trap - EXIT INT TERM HUP
	if [ -n "$demo_pid" ] && kill -0 "$demo_pid" 2>/dev/null; then
		kill -TERM "$demo_pid" 2>/dev/null || :
		wait "$demo_pid" || :
	fi
	if [ -e "$VSR_DEMO_DIR/made" ]; then
		while read -r kind name; do
			case $kind in
			namespace)
				ip netns pids "$name" 2>/dev/null | xargs -r kill -9 2>/dev/null || :
				ip netns delete "$name" 2>/dev/null || :
				;;
			process) kill -9 -- "-$name" 2>/dev/null || : ;;
			huge) rm -rf "/dev/hugepages/${name}map_"* "/var/run/dpdk/$name" ;;
			esac
		done <"$VSR_DEMO_DIR/made"
	fi
	umount -l "$VSR_DEMO_DIR/sim/sys" 2>/dev/null || :
	rm -rf "$VSR_DEMO_DIR"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

/usr/bin/python3 -B "$VSR_ROOT/devtools/demo.py" "$VSR_DEMO_DIR" &
demo_pid=$!
code=0
wait "$demo_pid" || code=$?
exit "$code"
