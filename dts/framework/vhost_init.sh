#!/bin/busybox sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
# shellcheck shell=dash

# First process of a guest whose only network is vhost-user: set the network up, then run commands
# from the serial line. A line is "NUMBER COMMAND"; the answer is the output of the command and the
# line "@done NUMBER EXIT-CODE". See vhost_guest.py.

/bin/busybox --install -s /bin
export PATH=/tools:/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
for name in failover net_failover virtio_net; do
	insmod "/modules/$name.ko"
done
address=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^vsr\.address=//p')
# Only traffic of the test: no router solicitations.
for name in all default; do
	echo 1 >"/proc/sys/net/ipv6/conf/$name/disable_ipv6"
done
/tools/ip link set lo up
/tools/ip address add "$address/24" dev eth0
/tools/ip link set eth0 up
stty -F /dev/ttyS0 raw -echo
exec </dev/ttyS0 >/dev/ttyS0 2>&1
echo "@ready $(cat /proc/sys/kernel/random/boot_id)"
while IFS= read -r line; do
	number=${line%% *}
	case $number in
	'' | *[!0-9]*) continue ;;
	esac
	(eval "${line#* }") </dev/null
	printf '\n@done %s %s\n' "$number" "$?"
done
