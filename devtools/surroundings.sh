#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vsr authors

# Run test.sh in a fresh clone of HEAD, in surroundings that differ from those of a developer:
#
#   surroundings.sh SURROUNDING[+SURROUNDING...] [LEVEL...]
#   surroundings.sh all [LEVEL...]
#
#   home       the clone is below the home folder, which other users cannot enter
#   space      the path of the clone has a space in it
#   plain-cpu  no program sees AVX2 or AVX-512 in the processor
#   nice       nice value 19, beside one busy loop per processor with the same nice value
#   umask      umask 077, and the signals HUP, INT, QUIT and PIPE are ignored, as a command that
#              was started by "nohup ... &" from a service written in Python inherits them
#
# Several surroundings joined by + make one run. "all" runs one after the other. LEVELs are those of
# test.sh. Prints the last line of each run. Must be run as root. Nothing stays behind, except the
# output of a run with failures: it is kept in $VSR_BUILD-surroundings.
#
# A clone gets the driver-SDK headers (VSR_DEPS) of this tree, and shares the pieces of the virtual
# machine (VSR_VM) with it. Everything else of a clone is built from nothing.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ALL=(home space plain-cpu nice umask)
LOGS=$VSR_BUILD-surroundings
SIGNALS=HUP,INT,QUIT,PIPE

# The nice value is the same for the busy loops, because each test program leads a session of its
# own, and the scheduler divides the processor evenly between sessions (sched_autogroup_enabled).
# Without autogroups, loops with nice value 0 would leave 1/70 of the processor to the tests.
BUSY_NICE=19

scratch=     # folder with the clone
preload=     # folder with the library that hides processor features
loops=()     # processes
run=         # process

clean_up() {
	trap - EXIT
	if [ -n "$run" ] && kill -0 "$run" 2>/dev/null; then
		kill -TERM "$run" || :
		wait "$run" || :
	fi
	[ ${#loops[@]} -eq 0 ] || kill "${loops[@]}" 2>/dev/null || :
	rm -rf ${scratch:+"$scratch"} ${preload:+"$preload"}
	run='' scratch='' preload='' loops=()
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# Hide AVX2 and AVX-512 from programs that ask DPDK, and from those that read /proc/cpuinfo.
# The library has no effect on programs that execute CPUID: check_no_cpuid() finds those.
make_plain_cpu() {
	local eal
	# Every program loads the library, whoever runs it. Its path must have no space in it.
	preload=$(mktemp -d /tmp/vsr-plain-cpu.XXXXXX)
	chmod 0755 "$preload"
	cat >"$preload/plain_cpu.c" <<-'END'
		#include <dlfcn.h>
		#include <rte_cpuflags.h>

		int
		rte_cpu_get_flag_enabled(enum rte_cpu_flag_t feature)
		{
			int (*next)(enum rte_cpu_flag_t feature);

			switch (feature) {
			case RTE_CPUFLAG_AVX2:
			case RTE_CPUFLAG_AVX512F:
			case RTE_CPUFLAG_AVX512DQ ... RTE_CPUFLAG_AVX512VBMI2:
			case RTE_CPUFLAG_AVX512VNNI ... RTE_CPUFLAG_AVX512VPOPCNTDQ:
			case RTE_CPUFLAG_AVX512VP2INTERSECT:
				return 0;
			default:
				*(void **)&next = dlsym(dlopen(EAL, RTLD_LAZY | RTLD_NOLOAD),
						"rte_cpu_get_flag_enabled");
				return next(feature);
			}
		}
	END
	# "librte_eal.so.23": the name by which programs load it.
	eal=$(readlink -f "$(pkg-config --variable=libdir libdpdk)/librte_eal.so")
	eal=$(basename "$eal" | cut -d. -f1-3)
	# shellcheck disable=SC2046
	gcc -D_GNU_SOURCE -D"EAL=\"$eal\"" -O2 -Wall -Werror -shared -fPIC \
		$(pkg-config --cflags libdpdk) -o "$preload/plain_cpu.so" "$preload/plain_cpu.c" ||
		vsr_die "the library that hides processor features could not be built (see above)."
	printf '%s\n' "$preload/plain_cpu.so" >"$preload/ld.so.preload"
	sed -E '/^flags/s/ avx(2|512[a-z0-9_]*|_vnni)\>//g' /proc/cpuinfo >"$preload/cpuinfo"
	chmod 0755 "$preload"/*
	[ -e /etc/ld.so.preload ] || {
		: >/etc/ld.so.preload
		touch "$preload/made"
	}
}

# Script for the mount namespace of a plain-cpu run. It ends when DPDK still sees what is hidden.
# shellcheck disable=SC2016
PLAIN_CPU='
set -e
mount --bind "$0/ld.so.preload" /etc/ld.so.preload
mount --bind "$0/cpuinfo" /proc/cpuinfo
/usr/bin/python3 - <<-END
	import ctypes, glob
	ctypes.CDLL(glob.glob("/usr/lib/*/librte_eal.so.2*")[0], ctypes.RTLD_GLOBAL)
	eal = ctypes.CDLL(None)
	eal.rte_cpu_get_flag_name.restype = ctypes.c_char_p
	for number in range(1000):
	    name = eal.rte_cpu_get_flag_name(number)
	    if not name:
	        break
	    if name.startswith((b"AVX2", b"AVX512")) and eal.rte_cpu_get_flag_enabled(number) > 0:
	        raise SystemExit(f"surroundings.sh: DPDK still sees {name.decode()}")
END
exec "$@"'

# Print the programs and libraries of a build that execute CPUID. (Sanitizers do.)
check_no_cpuid() {
	local file
	find "$1" -type f \( -perm -u+x -o -name '*.so' \) -print0 | while read -r -d '' file; do
		objdump -d "$file" 2>/dev/null | grep -qw cpuid && printf '%s\n' "${file#"$1"/}"
	done || :
}

start_loops() {
	local n
	for ((n = $(nproc); n > 0; n--)); do
		# The kernel ends the loop when this script ends for any reason.
		setpriv --pdeathsig KILL setsid nice -n "$BUSY_NICE" /bin/sh -c 'while :; do :; done' &
		loops+=($!)
	done
	sleep 1
	for n in "${loops[@]}"; do
		kill -0 "$n" 2>/dev/null || vsr_die "a busy loop ended at once: setpriv or setsid failed."
	done
}

# surround NAME[+NAME...] LEVEL...: make one run, and set the variable last to its last line.
surround() {
	local names=$1 base=/var/lib name=vsr private='' command=() code=0 asking log
	shift
	case +$names+ in *+home+*) base=$HOME private=yes ;; esac
	case +$names+ in *+space+*) name='a clone of vsr' ;; esac
	log=$LOGS/$names.log
	mkdir -p "$LOGS"
	scratch=$(mktemp -d "$base/vsr-surroundings.XXXXXX")
	[ -n "$private" ] || chmod 0755 "$scratch"
	# The commands below run from the inner to the outer.
	command=("$scratch/$name/devtools/test.sh" "$@")
	case +$names+ in *+nice+*)
		start_loops
		command=(nice -n 19 "${command[@]}")
		;;
	esac
	case +$names+ in *+plain-cpu+*)
		make_plain_cpu
		command=(unshare -m bash -c "$PLAIN_CPU" "$preload" "${command[@]}")
		;;
	esac
	case +$names+ in
	*+umask+*)
		umask 077
		command=(env "--ignore-signal=$SIGNALS" "${command[@]}")
		;;
	*)
		umask 022
		command=(env "--default-signal=$SIGNALS" "${command[@]}")
		;;
	esac
	git clone -q "$VSR_ROOT" "$scratch/$name"
	[ ! -d "$VSR_DEPS" ] || cp -RL "$VSR_DEPS" "$scratch/$name/build-deps"
	# Fetch the pieces here, so that they stay when the clone goes.
	case " ${*:-machine} " in *" machine "*) "$VSR_ROOT/devtools/vm.sh" get ;; esac
	ln -s "$VSR_VM" "$scratch/pieces of the vm"
	vsr_say "$names: running test.sh${*:+ $*} in $scratch/$name"
	(
		unset VSR_BUILD VSR_DEPS
		export VSR_VM
		case +$names+ in *+space+*) VSR_VM="$scratch/pieces of the vm" ;; esac
		cd /
		exec "${command[@]}"
	) >"$log" 2>&1 </dev/null &
	run=$!
	wait "$run" || code=$?
	run=
	last=$(tail -n 1 "$log")
	case +$names+ in *+plain-cpu+*)
		if [ -d "$scratch/$name/build" ]; then
			asking=$(check_no_cpuid "$scratch/$name/build")
			[ -z "$asking" ] || {
				code=1
				last="$last; but these execute CPUID: ${asking//$'\n'/, }"
			}
		else
			code=1
			last="$last; and no build folder is there to look for CPUID in"
		fi
		[ ! -e "$preload/made" ] || [ -s /etc/ld.so.preload ] || rm -f /etc/ld.so.preload
		;;
	esac
	if [ "$code" -eq 0 ]; then
		rm -f "$log"
	else
		last="$last (exit code $code, output in $log)"
	fi
	clean_up
	trap clean_up EXIT
	rmdir "$LOGS" 2>/dev/null || :
	return "$code"
}

# Bash reads a script as it goes: a function is read whole, so that the script may change meanwhile.
main() {
	[ $# -ge 1 ] || vsr_die "name a surrounding: ${ALL[*]}, several of them joined by +, or all."
	local runs=("$1") names name table='' failed=0
	[ "$1" != all ] || runs=("${ALL[@]}")
	shift
	for names in "${runs[@]}"; do
		for name in ${names//+/ }; do
			case " ${ALL[*]} " in
			*" $name "*) ;;
			*) vsr_die "there is no surrounding \"$name\": name some of ${ALL[*]}, or all." ;;
			esac
		done
	done
	[ "$(id -u)" -eq 0 ] || vsr_die "the system tests make network namespaces: run it as root."
	"$VSR_ROOT/devtools/setup.sh"
	for name in objdump setpriv; do
		command -v "$name" >/dev/null ||
			vsr_die "$name is not installed: install the package binutils or util-linux."
	done

	for names in "${runs[@]}"; do
		last=
		surround "$names" "$@" || failed=1
		vsr_say "$names: $last"
		table+=$(printf '%-12s %s' "$names" "$last")$'\n'
	done
	printf '\n%s' "$table"
	exit "$failed"
}

main "$@"
