#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors
#
# dpdk-pmdinfo.py shows the PCI table of a driver. Arguments: the name of the driver, and its shared
# object.

tool=$(command -v dpdk-pmdinfo.py) || {
	echo "skip pmdinfo_shows_the_table_of_$1: there is no dpdk-pmdinfo.py"
	exit 0
}
# Not the first python3 on PATH: its modules need not be the distribution's.
out=$(/usr/bin/python3 "$tool" "$2" | tr -d ' \n')
case $out in
*'"name":"'"$1"'"'*'"vendor":"1af4","device":"1041"'*'"vendor":"1af4","device":"1000"'*)
	echo "ok pmdinfo_shows_the_table_of_$1"
	;;
*)
	echo "FAIL pmdinfo_shows_the_table_of_$1: $out"
	exit 1
	;;
esac
