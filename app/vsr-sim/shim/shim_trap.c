/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Registers: a load or store that faults becomes a request to vsr-sim.
 *
 * The page of a BAR with the MSI-X table cannot be mapped. A program reserves the addresses of the
 * BAR without access and maps the parts around that page, so an access to the page faults. The trap
 * handler executes the access by a request and skips the instruction. It uses system calls and
 * atomics only.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "shim.h"
#include "shim_decode.h"

#define REGION_SHIFT 40
#define MAX_BARS 64

/* A BAR that this process has mapped. */
struct bar {
	uint64_t base, size;
	ino_t ino;
	unsigned int region;
	struct shim_map mapping; /* A mapped part; while it is mapped, the entry is valid. */
};

/* Cache of the BARs that were accessed last. A thread that does not get the lock reads
 * /proc/self/maps, which is slower. */
static struct bar bars[MAX_BARS];
static unsigned int next_bar;
static atomic_flag bars_busy = ATOMIC_FLAG_INIT;
static pid_t bars_pid;

/* ---------------------------------------------------------------- look-up of a BAR */

struct search {
	uint64_t addr;
	struct bar *bar;
	bool found, reserved;
};

static bool
search_map(const struct shim_map *map, void *arg)
{
	const unsigned int region = map->offset >> REGION_SHIFT;
	struct search *search = arg;
	struct shim_file device;
	uint64_t base;

	if (search->addr >= map->start && search->addr < map->end) {
		/*
		 * Addresses with any access right are not a reservation: a fault there is an error.
		 */
		search->reserved = !map->readable && !map->writable && !map->executable;
		return search->reserved;
	}
	if (search->found || map->dev != shim_mem_dev() || region > 5)
		return true;
	base = map->start - (map->offset & ((UINT64_C(1) << REGION_SHIFT) - 1));
	for (unsigned int i = 0; shim_device_at(i, &device); i++) {
		if (device.ino != map->ino || search->addr < base ||
				search->addr - base >= device.region_size[region])
			continue;
		*search->bar = (struct bar){ .base = base,
			.size = device.region_size[region],
			.ino = map->ino,
			.region = region,
			.mapping = *map };
		search->found = true;
	}
	return true;
}

/* Whether the mapping of a cached BAR is still of the same file. A process without access to
 * map_files gets false, and searches each time. */
static bool
still_mapped(const struct bar *bar)
{
	char path[SHIM_MAP_PATH];
	struct stat st;

	shim_map_path(&bar->mapping, path);
	return syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0) == 0 && st.st_ino == bar->ino &&
			st.st_dev == shim_mem_dev();
}

static bool
cached_bar(uint64_t addr, struct bar *bar)
{
	bool found = false;

	if (atomic_flag_test_and_set(&bars_busy))
		return false;
	for (unsigned int i = 0; i < MAX_BARS && !found; i++) {
		if (addr < bars[i].base || addr - bars[i].base >= bars[i].size)
			continue;
		found = true;
		*bar = bars[i];
	}
	atomic_flag_clear(&bars_busy);
	return found && still_mapped(bar);
}

static void
cache_bar(const struct bar *bar)
{
	unsigned int at = MAX_BARS;

	if (atomic_flag_test_and_set(&bars_busy))
		return;
	/* Drop cached BARs of these addresses. */
	for (unsigned int i = 0; i < MAX_BARS; i++) {
		if (bars[i].base < bar->base + bar->size &&
				bar->base < bars[i].base + bars[i].size) {
			bars[i].size = 0;
			at = i;
		}
	}
	if (at == MAX_BARS)
		at = next_bar++ % MAX_BARS;
	bars[at] = *bar;
	atomic_flag_clear(&bars_busy);
}

static bool
find_bar(uint64_t addr, struct bar *bar)
{
	struct search search = { .addr = addr, .bar = bar };
	const pid_t pid = syscall(SYS_getpid);

	if (bars_pid != pid) {
		/* After fork: another thread of the parent may have held the lock. */
		bars_pid = pid;
		atomic_flag_clear(&bars_busy);
	}
	if (cached_bar(addr, bar))
		return true;
	if (shim_maps(search_map, &search) != 0 || !search.found || !search.reserved)
		return false;
	cache_bar(bar);
	return true;
}

/* ---------------------------------------------------------------- access */

static const int reg_index[16] = {
	REG_RAX,
	REG_RCX,
	REG_RDX,
	REG_RBX,
	REG_RSP,
	REG_RBP,
	REG_RSI,
	REG_RDI,
	REG_R8,
	REG_R9,
	REG_R10,
	REG_R11,
	REG_R12,
	REG_R13,
	REG_R14,
	REG_R15,
};

/* As on a bus without an answer: a load returns all ones, a store has no effect. */
static uint64_t
load(const struct bar *bar, uint64_t offset, unsigned int width)
{
	uint64_t value = 0;
	struct shim_call call = {
		.req = { .op = HOST_OP_READ, .ino = bar->ino, .arg = { offset, width } },
		.out = &value,
		.out_max = sizeof(value)
	};

	return shim_request(SHIM_TRAP, &call) == (int)width ? value : UINT64_MAX;
}

static void
store(const struct bar *bar, uint64_t offset, unsigned int width, uint64_t value)
{
	struct shim_call call = {
		.req = { .op = HOST_OP_WRITE, .ino = bar->ino, .arg = { offset } },
		.data = &value,
		.data_len = width
	};

	shim_request(SHIM_TRAP, &call);
}

static void
perform(const struct bar *bar, uint64_t addr, const struct shim_insn *insn, greg_t *regs)
{
	const uint64_t offset = ((uint64_t)bar->region << REGION_SHIFT) + (addr - bar->base);
	uint64_t reg = regs[reg_index[insn->reg]], flags = regs[REG_EFL], memory = 0;

	if (shim_insn_loads(insn))
		memory = load(bar, offset, insn->width);
	shim_insn_run(insn, &reg, &flags, &memory);
	if (shim_insn_stores(insn))
		store(bar, offset, insn->width, memory);
	regs[reg_index[insn->reg]] = (greg_t)reg;
	regs[REG_EFL] = (greg_t)flags;
	regs[REG_RIP] += insn->len;
}

static void
say_unknown(const uint8_t *code)
{
	static const char start[] = "cannot step over this instruction on a device register "
				    "(mov and simple arithmetic are known):";
	/* The bytes of the instruction are mapped; bytes after it only to the end of its page. */
	const size_t in_page = 4096 - ((uintptr_t)code & 4095);
	char text[sizeof(start) + 3 * SHIM_INSN_MAX];
	char *at = text + sizeof(start) - 1;

	memcpy(text, start, sizeof(start) - 1);
	for (size_t i = 0; i < SHIM_INSN_MAX && i < in_page; i++) {
		*at++ = ' ';
		*at++ = "0123456789abcdef"[code[i] >> 4];
		*at++ = "0123456789abcdef"[code[i] & 0xf];
	}
	*at = '\0';
	shim_log(text);
}

bool
shim_trap_handle(const void *siginfo, void *ucontext)
{
	const siginfo_t *info = siginfo;
	ucontext_t *context = ucontext;
	greg_t *regs = context->uc_mcontext.gregs;
	const uint8_t *code = (const uint8_t *)(uintptr_t)regs[REG_RIP];
	const uint64_t addr = (uintptr_t)info->si_addr;
	const int saved = errno;
	struct shim_insn insn;
	struct shim_file device;
	struct bar bar;
	bool done = false;

	/*
	 * A reservation is mapped: another code means an unmapped address, or a signal that was
	 * sent.
	 */
	if (info->si_code != SEGV_ACCERR || !shim_device_at(0, &device))
		return false;
	if (find_bar(addr, &bar)) {
		done = shim_decode(code, SHIM_INSN_MAX, &insn);
		if (done)
			perform(&bar, addr, &insn, regs);
		else
			say_unknown(code);
	}
	errno = saved;
	return done;
}
