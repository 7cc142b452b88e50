/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Two other ways to the legacy registers of a VF, without its owner: a window in memory with all
 * registers, and a pair of registers, address and data. No specification defines them; they exist
 * to be compared with the admin queue, and are off by default.
 *
 * The window has the layout of the I/O BAR of a legacy device, at VSIM_REG_LEGACY_WINDOW of the
 * BAR of the VF. A write cannot report that a reset is still going on, and writes during a reset
 * are lost.
 *
 * The pair is at VSIM_REG_LEGACY_PAIR: 32 bits of address, then 32 bits of data. A write to the
 * address starts the access. The address reads with PAIR_DONE when the access is complete, also
 * after a reset, and with PAIR_BAD if no such register exists.
 */

#include <string.h>

#include "vsim/regs/vsim_legacy_alt.h"
#include "vsim/core/vsim_event.h"
#include "vsim/regs/vsim_legacy.h"

#define PAIR_OFFSET 0x000000ffu
#define PAIR_LEN_SHIFT 8 /* Bytes: 1, 2 or 4. */
#define PAIR_LEN 0x00000700u
#define PAIR_DEVICE 0x00001000u /* Device configuration, else the header. */
#define PAIR_WRITE 0x00010000u
#define PAIR_BAD 0x40000000u
#define PAIR_DONE 0x80000000u

/* ---------------------------------------------------------------- the window */

static enum vsim_legacy_area
window_place(const struct vsim_fn *fn, uint32_t *offset)
{
	const uint32_t header_len = vsim_legacy_header_len(fn);

	if (*offset < header_len)
		return VSIM_LEGACY_COMMON;
	*offset -= header_len;
	return VSIM_LEGACY_DEVICE;
}

uint32_t
vsim_legacy_window_read(struct vsim_fn *fn, uint32_t offset, size_t len)
{
	enum vsim_legacy_area area = window_place(fn, &offset);
	virtio_le32 value = 0;

	vsim_fn_count(&fn->counters->legacy_window);
	if (vsim_legacy_read(fn, area, offset, &value, len) < 0)
		value = UINT32_MAX;
	return le32toh(value);
}

void
vsim_legacy_window_write(struct vsim_fn *fn, uint32_t offset, uint32_t value, size_t len)
{
	enum vsim_legacy_area area = window_place(fn, &offset);

	vsim_fn_count(&fn->counters->legacy_window);
	value = htole32(value);
	vsim_legacy_write(fn, area, offset, &value, len);
}

/* ---------------------------------------------------------------- the pair */

uint32_t
vsim_legacy_pair_read(struct vsim_fn *fn, uint32_t offset)
{
	const struct vsim_legacy_regs *regs = &fn->legacy_regs;

	vsim_fn_count(&fn->counters->legacy_pair);
	if (offset != 0)
		return regs->alt_data;
	return vsim_fn_resetting(fn) ? regs->alt_address & ~PAIR_DONE : regs->alt_address;
}

void
vsim_legacy_pair_write(struct vsim_fn *fn, uint32_t offset, uint32_t value)
{
	struct vsim_legacy_regs *regs = &fn->legacy_regs;
	enum vsim_legacy_area area = value & PAIR_DEVICE ? VSIM_LEGACY_DEVICE : VSIM_LEGACY_COMMON;
	size_t len = (value & PAIR_LEN) >> PAIR_LEN_SHIFT;
	virtio_le32 data = htole32(regs->alt_data);
	int ret = -1;

	vsim_fn_count(&fn->counters->legacy_pair);
	if (offset != 0) {
		regs->alt_data = value;
		return;
	}
	if (len <= sizeof(data) && (value & PAIR_WRITE))
		ret = vsim_legacy_write(fn, area, value & PAIR_OFFSET, &data, len);
	else if (len <= sizeof(data)) {
		data = 0;
		ret = vsim_legacy_read(fn, area, value & PAIR_OFFSET, &data, len);
	}
	/* A reset clears both registers, so they are set last. */
	regs->alt_data = le32toh(data);
	regs->alt_address = (value & ~(PAIR_BAD | PAIR_DONE)) | PAIR_DONE |
			(ret < 0 ? PAIR_BAD : 0);
}
