#!/bin/busybox sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
# shellcheck shell=dash

# First process of the virtual machine, in its initramfs: load the modules, mount the root of the
# host, and start the agent that runs commands (guest_agent.py).

export PATH=/bin
bb=/bin/busybox

fail() {
	echo "vm_init: $*" >/dev/console
	$bb poweroff -f
}

$bb mount -t devtmpfs dev /dev
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys

# Parameters of modules are on the command line of the kernel (module.parameter=value). insmod does
# not read them from there.
while read -r module; do
	params=
	for word in $($bb cat /proc/cmdline); do
		case $word in
		"$module".*) params="$params ${word#*.}" ;;
		esac
	done
	# shellcheck disable=SC2086
	$bb insmod "/modules/$module.ko" $params || fail "module $module cannot be loaded"
done </modules/order

$bb mount -t virtiofs -o ro host /host || fail "no root"
for dir in dev proc sys; do
	$bb mount -o bind "/$dir" "/host/$dir"
done
$bb mkdir -p /host/dev/pts /host/dev/shm /host/dev/hugepages
$bb mount -t devpts -o ptmxmode=0666 pts /host/dev/pts
$bb mount -t hugetlbfs -o pagesize=2M huge /host/dev/hugepages
for dir in dev/shm run; do
	$bb mount -t tmpfs tmpfs "/host/$dir"
done
$bb mount -t virtiofs out /host/mnt || fail "no folder for results"
$bb ip link set lo up

agent=
for word in $($bb cat /proc/cmdline); do
	case $word in
	vsr.agent=*) agent=${word#*=} ;;
	esac
done
# From here on the kernel prints all messages to the console, which the host reads.
echo 8 >/proc/sys/kernel/printk
$bb chroot /host /usr/bin/python3 -B -I "$agent" || fail "the agent ended"
$bb poweroff -f
