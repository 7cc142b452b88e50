#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors

# Make a Debian 12 machine ready to build, demonstrate and test: packages, driver-SDK headers,
# hugepages. Installs only what is missing and says nothing when nothing is.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$VSR_ROOT/devtools/apt.sh"

PACKAGES=(
	# build
	gcc libc6-dev pkg-config meson ninja-build python3 python3-pyelftools
	libdpdk-dev libnuma-dev libfuse3-dev libjansson-dev libpcap-dev
	# run
	dpdk dpdk-dev fuse3 iproute2 iputils-ping iperf3 procps
	# measure
	python3-matplotlib
	# test
	python3-pytest python3-scapy clang libclang-rt-14-dev gcovr
	# check
	clang-format-14 clang-tidy-14 pyflakes3 shellcheck
	# documents
	python3-sphinx
	# this script
	ca-certificates xz-utils
)

HUGE_KB=2048 # size of the hugepages everything here uses
HUGE_WANT=1024
HUGE_LEAST=384
HUGE_DIR=/sys/kernel/mm/hugepages/hugepages-${HUGE_KB}kB

packages_missing() {
	local package
	for package in "${PACKAGES[@]}"; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || :) in
		installed) ;;
		*) printf '%s ' "$package" ;;
		esac
	done
}

install_packages() {
	local missing
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		vsr_die "this script installs from Debian's archive, but there is no apt-get here: use Debian 12."
	fi
	missing=$(packages_missing)
	[ -z "$missing" ] && return
	is_root || vsr_die "packages are missing; run as root: apt-get install $missing"
	vsr_say "setup: installing $missing"
	apt_quietly update || vsr_warn "apt-get update failed (see above); trying with the old lists."
	# shellcheck disable=SC2086
	apt_quietly install --no-install-recommends $missing ||
		vsr_die "apt-get could not install what is missing (see above): repair apt, or install by hand: $missing"
}

# The version to take: the wanted one, else the nearest of the same upstream series.
source_version() {
	local want=$1 all series
	all=$(apt-cache showsrc dpdk 2>/dev/null | awk '/^Version:/ { print $2 }' | sort -uV)
	series=$(printf '%s' "$want" | cut -d. -f1-2)
	if grep -qxF "$want" <<<"$all"; then
		printf '%s' "$want"
	else
		grep "^${series//./\\.}\." <<<"$all" | tail -n 1 || :
	fi
}

# The headers drivers are built with are not in libdpdk-dev, and no package has the example vdpa, with
# which vsr-bench compares: take both from the source package.
fetch_sdk() {
	local sdk want take tmp
	vsr_sdk_installed && return
	sdk=$(vsr_sdk_dir)
	[ -e "$sdk/lib/ethdev/ethdev_driver.h" ] && [ -e "$sdk/examples/vdpa/main.c" ] && return
	want=$(vsr_dpdk_source_version)
	vsr_say "setup: fetching the driver-SDK headers of dpdk $want"
	if ! mkdir -p "$VSR_DEPS" 2>/dev/null || ! [ -w "$VSR_DEPS" ]; then
		vsr_die "cannot write to $VSR_DEPS: set VSR_DEPS to a folder of yours."
	fi
	tmp=$(mktemp -d "$VSR_DEPS/.fetch.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$tmp'" EXIT
	private_apt "$tmp" /var/lib/dpkg/status
	debian_sources | awk -v signed="$(debian_signed_by)" '{ print "deb-src" signed, $1, $2, $3 }' \
		>"$tmp/parts/debian.list"
	(
		export APT_CONFIG=$tmp/apt.conf
		cd "$tmp"
		apt_quietly update ||
			vsr_die "the lists of Debian's source packages could not be read (see above): check the network and run again."
		take=$(source_version "$want")
		[ -n "$take" ] ||
			vsr_die "Debian's archive has no source of dpdk $want or its series: update libdpdk-dev and run again."
		[ "$take" = "$want" ] ||
			vsr_say "setup: the source of dpdk $want is gone from the archive; taking that of $take"
		apt_quietly source --download-only "dpdk=$take" ||
			vsr_die "the source of dpdk $take could not be fetched (see above): check the network and run again."
	)
	# Headers and the example alone; the patches of Debian touch none of them.
	mkdir "$tmp/tree"
	tar -C "$tmp/tree" --strip-components=1 --wildcards --no-anchored \
			-xf "$(ls "$tmp"/dpdk_*.orig.tar.*z)" --exclude='*/examples' '*/lib/*.h' '*/drivers/bus/*.h' ||
		vsr_die "the source of dpdk could not be unpacked: is there space in $VSR_DEPS?"
	tar -C "$tmp/tree" --strip-components=1 --wildcards -xf "$(ls "$tmp"/dpdk_*.orig.tar.*z)" \
			'*/examples/vdpa/*' ||
		vsr_die "the source of dpdk has no examples/vdpa: this version is not known here."
	[ -e "$tmp/tree/lib/ethdev/ethdev_driver.h" ] ||
		vsr_die "the source of dpdk has no lib/ethdev/ethdev_driver.h: this version is not known here."
	rm -rf "$sdk"
	mv "$tmp/tree" "$sdk"
	rm -rf "$tmp"
	trap - EXIT
}

reserve_hugepages() {
	local total free avail_kb want
	[ -d "$HUGE_DIR" ] ||
		vsr_die "this kernel has no 2 MB hugepages: boot one that has (CONFIG_HUGETLBFS)."
	total=$(cat "$HUGE_DIR/nr_hugepages")
	free=$(cat "$HUGE_DIR/free_hugepages")
	if [ "$total" -eq 0 ]; then
		is_root || vsr_die "no hugepages are reserved; run as root: echo $HUGE_WANT > $HUGE_DIR/nr_hugepages"
		avail_kb=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
		want=$((avail_kb / 2 / HUGE_KB))
		[ "$want" -gt "$HUGE_WANT" ] && want=$HUGE_WANT
		vsr_say "setup: reserving $want hugepages of 2 MB"
		sync
		echo "$want" >"$HUGE_DIR/nr_hugepages" 2>/dev/null ||
			vsr_die "hugepages cannot be reserved from here: run on the host: echo $HUGE_WANT > $HUGE_DIR/nr_hugepages"
		total=$(cat "$HUGE_DIR/nr_hugepages")
		free=$(cat "$HUGE_DIR/free_hugepages")
		[ "$total" -ge "$HUGE_LEAST" ] ||
			vsr_die "only $total hugepages of 2 MB could be reserved, $HUGE_LEAST are needed: free memory or reboot."
		[ "$total" -ge "$want" ] ||
			vsr_say "setup: only $total of $want hugepages could be had; large tests may be skipped"
	fi
	[ "$free" -gt 0 ] ||
		vsr_die "all $total hugepages are in use: end what holds them, or remove stale files in /dev/hugepages."
}

mount_hugetlbfs() {
	awk '$3 == "hugetlbfs" && $2 == "/dev/hugepages" { found = 1 } END { exit !found }' \
		/proc/mounts && return
	is_root || vsr_die "no hugetlbfs is mounted; run as root: mount -t hugetlbfs -o pagesize=2M nodev /dev/hugepages"
	mkdir -p /dev/hugepages
	mount -t hugetlbfs -o pagesize=2M nodev /dev/hugepages 2>/dev/null ||
		vsr_die "hugetlbfs cannot be mounted from here: run on the host: mount -t hugetlbfs nodev /dev/hugepages"
	vsr_say "setup: mounted hugetlbfs at /dev/hugepages"
}

# FUSE carries the simulated sysfs, TUN the wires to the kernel's network.
character_devices() {
	local node name major minor
	while read -r node name major minor; do
		[ -c "$node" ] && continue
		modprobe -q "$name" 2>/dev/null || :
		[ -c "$node" ] && continue
		mkdir -p "$(dirname "$node")"
		if ! mknod "$node" c "$major" "$minor" 2>/dev/null || ! chmod 0666 "$node"; then
			vsr_die "there is no $node: load the kernel module $name, or give it to this container."
		fi
	done <<-END
		/dev/fuse fuse 10 229
		/dev/net/tun tun 10 200
	END
}

install_packages
fetch_sdk
reserve_hugepages
mount_hugetlbfs
character_devices
