#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
#
# dpdk-pmdinfo.py shows the PCI table of the driver. Argument: the shared object.

tool=$(command -v dpdk-pmdinfo.py) || {
	echo "skip pmdinfo_shows_the_table: there is no dpdk-pmdinfo.py"
	exit 0
}
# Not the first python3 on PATH: its modules need not be the distribution's.
out=$(/usr/bin/python3 "$tool" "$1" | tr -d ' \n')
case $out in
*'"name":"net_vsr"'*'"vendor":"1af4","device":"1041"'*'"vendor":"1af4","device":"1000"'*)
	echo "ok pmdinfo_shows_the_table"
	;;
*)
	echo "FAIL pmdinfo_shows_the_table: $out"
	exit 1
	;;
esac
