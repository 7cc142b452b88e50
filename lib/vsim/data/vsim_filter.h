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
/** Reset the filter, with the MAC address and the accepted features of the function. */
void vsim_filter_reset(struct vsim_fn *fn);
/** Set a mode, VIRTIO_NET_CTRL_RX_*. @return false: no such mode. */
bool vsim_filter_set_mode(struct vsim_fn *fn, uint8_t command, bool on);
void vsim_filter_set_own_mac(struct vsim_fn *fn, const uint8_t mac[6]);
/** Entries of a MAC table. If the driver sets more of a kind, all addresses of that kind pass. */
#define VSIM_FILTER_MACS 64
/** Replace both tables of 6-byte entries. Only the first VSIM_FILTER_MACS entries are read. */
void vsim_filter_set_macs(struct vsim_fn *fn, const uint8_t *unicast, size_t nb_unicast,
		const uint8_t *multicast, size_t nb_multicast);
/** @return false: no such VLAN. */
bool vsim_filter_set_vlan(struct vsim_fn *fn, uint16_t vid, bool on);

/** The whole filter; use vsim_filter_accept(). */
bool vsim_filter_check(const struct vsim_fn *fn, const uint8_t *frame);

/** Does a frame (at least 18 readable bytes) pass modes, MAC and VLAN filter? */
static inline bool
vsim_filter_accept(const struct vsim_fn *fn, const uint8_t *frame)
{
	return atomic_load_explicit(&fn->rx_accept_all, memory_order_relaxed) ||
			vsim_filter_check(fn, frame);
}

#endif /* VSIM_FILTER_H */
