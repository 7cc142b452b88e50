/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_FILTER_H
#define VSIM_FILTER_H

/**
 * @file
 * RX filter of a function. One writer at a time: the worker of the function, or the holder of the
 * lock. Readers need no lock.
 */

#include "vsim/core/vsim_fn.h"

struct vsim_rx_filter *vsim_filter_create(void);
/** As after reset, with the function's own MAC address and accepted features. */
void vsim_filter_reset(struct vsim_fn *fn);
/** command is VIRTIO_NET_CTRL_RX_*. @return false: no such mode. */
bool vsim_filter_set_mode(struct vsim_fn *fn, uint8_t command, bool on);
void vsim_filter_set_own_mac(struct vsim_fn *fn, const uint8_t mac[6]);
/** Entries that a MAC table holds; with more of a kind, all of that kind are let in. */
#define VSIM_FILTER_MACS 64
/** Replace both tables; entries are 6 bytes each, behind one another. Only the first
 * VSIM_FILTER_MACS are looked at. */
void vsim_filter_set_macs(struct vsim_fn *fn, const uint8_t *unicast, size_t nb_unicast,
		const uint8_t *multicast, size_t nb_multicast);
/** @return false: no such VLAN. */
bool vsim_filter_set_vlan(struct vsim_fn *fn, uint16_t vid, bool on);

/** The full RX filter; use vsim_filter_accept(). */
bool vsim_filter_check(const struct vsim_fn *fn, const uint8_t *frame);

/** RX mode, MAC and VLAN filters for a frame (at least 18 readable bytes). Lock free. */
static inline bool
vsim_filter_accept(const struct vsim_fn *fn, const uint8_t *frame)
{
	return atomic_load_explicit(&fn->rx_accept_all, memory_order_relaxed) ||
			vsim_filter_check(fn, frame);
}

#endif /* VSIM_FILTER_H */
