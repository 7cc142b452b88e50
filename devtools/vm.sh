#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors

# A virtual machine with a stock Debian kernel, VFIO, an IOMMU, and the SR-IOV virtio-net NIC of
# QEMU, under software emulation. In it, net_vsr, vsrctl and vsr-sim meet code of other projects.
# The tests can boot the kernel of the backports instead, which has more code for admin queues.
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
COMPLETE=complete.2 # Name of the file that marks a complete folder of this layout.
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

# vm_kernel DIR SUITE ROOT: fetch the kernel of a suite and unpack it into ROOT; the kernel itself
# becomes ROOT/vmlinuz. Its other dependencies are not needed, among them a maker of an initramfs.
vm_kernel() {
	local dir=$1 suite=$2 root=$3 image packages file
	image=$(vm_depends "$dir" "$suite" linux-image-cloud-amd64 | grep -m 1 '^linux-image-[0-9]') ||
		vsr_die "$suite has no linux-image-cloud-amd64."
	# Newer kernels come in several packages with the same version in their names.
	packages=$(vm_depends "$dir" "$suite" "$image" | grep -F -- "-${image#linux-image-}") ||
		packages=
	mkdir -p "$dir/kernel"
	# shellcheck disable=SC2086 # a list
	(cd "$dir/kernel" && APT_CONFIG=$dir/apt.conf apt_quietly download "$image" $packages) ||
		vsr_die "$image could not be fetched (see above): check the network and run again."
	for file in "$dir"/kernel/*.deb; do
		dpkg-deb -x "$file" "$root" || vsr_die "$file could not be unpacked."
	done
	rm -rf "$dir/kernel"
	find "$root" -name 'vmlinuz*' -exec cp {} "$root/vmlinuz" \; -quit
}

# vm_depends DIR SUITE PACKAGE: print the names of the packages that a package of a suite needs.
vm_depends() {
	APT_CONFIG=$1/apt.conf apt-cache -o "APT::Default-Release=$2" depends "$3" |
		sed -n 's/^ *Depends: //p'
}

# vm_initrd ROOT MODULES TREE: print an initramfs with the programs of a folder and the kernel
# modules of another one.
vm_initrd() {
	local root=$1 modules=$2 tree=$3 version module file
	version=$(basename "$(echo "$modules"/usr/lib/modules/*)")
	mkdir -p "$tree"/{bin,dev,proc,sys,host,modules}
	cp "$root/usr/bin/busybox" "$tree/bin/busybox"
	for module in "${MODULES[@]}"; do
		file=$modules/usr/lib/modules/$version/kernel/$module.ko
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

# vm_fetch DIR: fetch and unpack everything.
vm_fetch() {
	local dir=$1 file
	mkdir "$dir/apt" "$dir/root"
	vm_apt "$dir/apt"
	APT_CONFIG=$dir/apt/apt.conf apt_quietly update ||
		vsr_die "the lists of Debian $SUITE could not be read (see above): check the network and run again."
	vm_download "$dir/apt" -t "$SUITE-backports" qemu-system-x86
	vm_download "$dir/apt" virtiofsd busybox-static
	for file in "$dir"/apt/cache/archives/*.deb; do
		dpkg-deb -x "$file" "$dir/root" || vsr_die "$file could not be unpacked."
	done
	vm_kernel "$dir/apt" "$SUITE" "$dir/kernel"
	vm_kernel "$dir/apt" "$SUITE-backports" "$dir/kernel-backports"
	rm -rf "$dir/apt"
}

# Make everything in a folder beside $VSR_VM and rename it at the end: $VSR_VM is always complete.
vm_get() {
	local tmp kernel
	[ -e "$VSR_VM/$COMPLETE" ] || {
		vsr_say "fetching the pieces of the virtual machine (110 MB)"
		mkdir -p "$(dirname "$VSR_VM")"
		tmp=$(mktemp -d "$(dirname "$VSR_VM")/.vm.XXXXXX")
		# shellcheck disable=SC2064
		trap "rm -rf '$tmp'" EXIT
		vm_fetch "$tmp"
		touch "$tmp/$COMPLETE"
		rm -rf "$VSR_VM"
		mv "$tmp" "$VSR_VM"
		trap - EXIT
	}
	# An initramfs depends on this tree: make it again when vm_init.sh or the modules changed.
	if ! cmp -s "$VSR_ROOT/devtools/vm_init.sh" "$VSR_VM/init" ||
			[ "$(cat "$VSR_VM/modules" 2>/dev/null)" != "${MODULES[*]}" ]; then
		for kernel in kernel kernel-backports; do
			tmp=$(mktemp -d "$VSR_VM/.initrd.XXXXXX")
			vm_initrd "$VSR_VM/root" "$VSR_VM/$kernel" "$tmp" >"$VSR_VM/initrd.new" ||
				vsr_die "the initramfs could not be made."
			rm -rf "$tmp"
			mv "$VSR_VM/initrd.new" "$VSR_VM/$kernel/initrd"
		done
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
