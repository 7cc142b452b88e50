#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors

# A virtual machine with a stock Debian kernel, VFIO, an IOMMU, and the SR-IOV virtio-net NIC of
# QEMU, under software emulation. In it, net_vsr, vsrctl and vsr-sim meet code of other projects.
#
#   vm.sh get             fetch and unpack the pieces of the virtual machine into $VSR_VM, once
#   vm.sh run COMMAND...  boot, run the command as root, and end with its exit code
#   vm.sh shell           boot and open a shell
#
# The virtual machine has the root of the host, read-only, and its own /run and TMPDIR. Files that
# a command writes to /mnt are moved to a folder vm-out.NUMBER on the host. Nothing is installed on
# the host, and no process stays behind. The tests boot the virtual machine themselves
# (dts/framework/machine.py).

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$VSR_ROOT/devtools/apt.sh"

export VSR_BUILD VSR_VM
SUITE=trixie
# Modules the guest needs, in the order of loading, as paths below /lib/modules/VERSION/kernel.
MODULES=(virt/lib/irqbypass drivers/vfio/vfio drivers/vfio/vfio_iommu_type1
	drivers/vfio/pci/vfio-pci-core drivers/vfio/pci/vfio-pci
	net/core/failover drivers/net/net_failover drivers/net/virtio_net)

# vm_apt DIR: configure apt in a folder for the archive of $SUITE, at the mirror of this machine.
vm_apt() {
	local dir=$1 mirror
	: >"$dir/status"
	private_apt "$dir" "$dir/status"
	mirror=$(debian_sources | awk -v suite="$(. /etc/os-release; echo "$VERSION_CODENAME")" \
		'$2 == suite { print $1; exit }')
	[ -n "$mirror" ] || vsr_die "apt knows no mirror of Debian's main archive: see /etc/apt."
	for suite in "$SUITE" "$SUITE-backports"; do
		printf 'deb%s %s %s main\n' "$(debian_signed_by)" "$mirror" "$suite"
	done >"$dir/parts/vm.list"
	printf 'Package: *\nPin: release n=%s-backports\nPin-Priority: 100\n' "$SUITE" \
		>"$dir/preferences"
}

# vm_download DIR APT-OPTION... PACKAGE...: fetch packages and all their dependencies.
vm_download() {
	local dir=$1
	shift
	APT_CONFIG=$dir/apt.conf apt_quietly install --download-only -y "$@" ||
		vsr_die "the pieces of the virtual machine could not be fetched (see above): check the network and run again."
}

# Fetch the package of the kernel without its dependencies, among them a maker of an initramfs.
vm_download_kernel() {
	local dir=$1 package
	package=$(APT_CONFIG=$dir/apt.conf apt-cache depends linux-image-cloud-amd64 |
		awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
	[ -n "$package" ] || vsr_die "$SUITE has no linux-image-cloud-amd64."
	(cd "$dir/cache/archives" && APT_CONFIG=$dir/apt.conf apt_quietly download "$package") ||
		vsr_die "$package could not be fetched (see above): check the network and run again."
}

vm_initrd() {
	local root=$1 tree=$2 version module file
	version=$(basename "$(echo "$root"/usr/lib/modules/*)")
	mkdir -p "$tree"/{bin,dev,proc,sys,host,modules}
	cp "$root/usr/bin/busybox" "$tree/bin/busybox"
	for module in "${MODULES[@]}"; do
		file=$root/usr/lib/modules/$version/kernel/$module.ko
		if [ -e "$file.xz" ]; then
			xz -dc "$file.xz" >"$tree/modules/${module##*/}.ko"
		else
			cp "$file" "$tree/modules/${module##*/}.ko"
		fi
		printf '%s\n' "${module##*/}" >>"$tree/modules/order"
	done
	install -m 0755 "$VSR_ROOT/devtools/vm_init.sh" "$tree/init"
	(cd "$tree" && find . | "$tree/bin/busybox" cpio -o -H newc 2>/dev/null | gzip -1)
}

# Make everything in a folder beside $VSR_VM and rename it at the end: $VSR_VM is always complete.
vm_get() {
	local tmp file
	[ -e "$VSR_VM/complete" ] || {
		vsr_say "fetching the pieces of the virtual machine (70 MB)"
		mkdir -p "$(dirname "$VSR_VM")"
		tmp=$(mktemp -d "$(dirname "$VSR_VM")/.vm.XXXXXX")
		# shellcheck disable=SC2064
		trap "rm -rf '$tmp'" EXIT
		mkdir "$tmp/apt" "$tmp/root"
		vm_apt "$tmp/apt"
		APT_CONFIG=$tmp/apt/apt.conf apt_quietly update ||
			vsr_die "the lists of Debian $SUITE could not be read (see above): check the network and run again."
		vm_download "$tmp/apt" -t "$SUITE-backports" qemu-system-x86
		vm_download "$tmp/apt" virtiofsd busybox-static
		vm_download_kernel "$tmp/apt"
		for file in "$tmp"/apt/cache/archives/*.deb; do
			dpkg-deb -x "$file" "$tmp/root" || vsr_die "$file could not be unpacked."
		done
		cp "$tmp"/root/boot/vmlinuz-* "$tmp/vmlinuz"
		rm -rf "$tmp/apt"
		touch "$tmp/complete"
		rm -rf "$VSR_VM"
		mv "$tmp" "$VSR_VM"
		trap - EXIT
	}
	# The initramfs depends on this tree: make it again when vm_init.sh or the modules changed.
	if [ ! -e "$VSR_VM/initrd" ] || ! cmp -s "$VSR_ROOT/devtools/vm_init.sh" "$VSR_VM/init" ||
			[ "$(cat "$VSR_VM/modules" 2>/dev/null)" != "${MODULES[*]}" ]; then
		tmp=$(mktemp -d "$VSR_VM/.initrd.XXXXXX")
		vm_initrd "$VSR_VM/root" "$tmp" >"$VSR_VM/initrd.new" || vsr_die "the initramfs could not be made."
		rm -rf "$tmp"
		mv "$VSR_VM/initrd.new" "$VSR_VM/initrd"
		cp "$VSR_ROOT/devtools/vm_init.sh" "$VSR_VM/init"
		printf '%s\n' "${MODULES[*]}" >"$VSR_VM/modules"
	fi
}

case ${1-} in
get)
	[ $# -eq 1 ] || vsr_die "get takes no arguments."
	;;
run)
	[ $# -ge 2 ] || vsr_die "run takes the command to run."
	;;
shell)
	[ $# -eq 1 ] || vsr_die "shell takes no arguments."
	;;
*) vsr_die "there is no command \"${1-}\": the commands are get, run COMMAND... and shell." ;;
esac
vm_get
[ "$1" = get ] && exit 0
exec /usr/bin/python3 -B "$VSR_ROOT/devtools/vm.py" "$@"
