/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * RX filter of a function: modes, MAC tables, VLAN table. virtio 1.4 5.1.9.5.1 to 5.1.9.5.3.
 *
 * Workers read the filter without a lock while the worker of the function may change it, so all
 * fields are relaxed atomics: during a change a frame passes the old filter, the new filter or a
 * mix of both, as in hardware ("best effort").
 */

#include <stdlib.h>
#include <string.h>

#include "vsim/data/vsim_filter.h"

/* Modes: one bit per VIRTIO_NET_CTRL_RX_* command, and internal bits */
#define MODE(command) (1u << (command))
#define MODE_UNI_OVERFLOW (1u << 8)
#define MODE_MULTI_OVERFLOW (1u << 9)
#define MODE_VLAN (1u << 10)

struct mac_table {
	_Atomic uint32_t count;
	_Atomic uint64_t mac[VSIM_FILTER_MACS];
};

struct vsim_rx_filter {
	_Atomic uint32_t modes;
	_Atomic uint64_t own_mac;
	struct mac_table unicast, multicast;
	_Atomic uint64_t vlan[4096 / 64];
};

#define load(p) atomic_load_explicit(p, memory_order_relaxed)
#define store(p, value) atomic_store_explicit(p, value, memory_order_relaxed)

static uint64_t
mac_value(const uint8_t *mac)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < 6; i++)
		value = value << 8 | mac[i];
	return value;
}

struct vsim_rx_filter *
vsim_filter_create(void)
{
	return calloc(1, sizeof(struct vsim_rx_filter));
}

static void
set_modes(struct vsim_fn *fn, uint32_t modes)
{
	store(&fn->filter->modes, modes);
	store(&fn->rx_accept_all, !!(modes & MODE(VIRTIO_NET_CTRL_RX_PROMISC)));
}

void
vsim_filter_reset(struct vsim_fn *fn)
{
	struct vsim_rx_filter *f = fn->filter;
	uint32_t modes = MODE(VIRTIO_NET_CTRL_RX_PROMISC);

	/* The specification does not define the modes after a reset. Drivers in virtual machines
	 * find promiscuous mode, and it is the only safe value for a driver that cannot change
	 * it (no CTRL_RX) or whose address the device does not know (no MAC). */
	if (vsim_features_has(&fn->accepted, VIRTIO_NET_F_CTRL_VLAN))
		modes |= MODE_VLAN;
	store(&f->own_mac, mac_value(fn->mac));
	store(&f->unicast.count, 0);
	store(&f->multicast.count, 0);
	for (size_t i = 0; i < sizeof(f->vlan) / sizeof(f->vlan[0]); i++)
		store(&f->vlan[i], 0);
	set_modes(fn, modes);
}

bool
vsim_filter_set_mode(struct vsim_fn *fn, uint8_t command, bool on)
{
	uint32_t modes = load(&fn->filter->modes);

	if (command > VIRTIO_NET_CTRL_RX_NOBCAST)
		return false;
	set_modes(fn, on ? modes | MODE(command) : modes & ~MODE(command));
	return true;
}

void
vsim_filter_set_own_mac(struct vsim_fn *fn, const uint8_t mac[6])
{
	store(&fn->filter->own_mac, mac_value(mac));
}

static void
set_table(struct mac_table *t, const uint8_t *macs, size_t count)
{
	if (count > VSIM_FILTER_MACS)
		count = 0; /* All addresses of the kind pass, so the table is not read. */
	for (size_t i = 0; i < count; i++)
		store(&t->mac[i], mac_value(&macs[6 * i]));
	store(&t->count, count);
}

void
vsim_filter_set_macs(struct vsim_fn *fn, const uint8_t *unicast, size_t nb_unicast,
		const uint8_t *multicast, size_t nb_multicast)
{
	struct vsim_rx_filter *f = fn->filter;
	uint32_t modes = load(&f->modes) & ~(MODE_UNI_OVERFLOW | MODE_MULTI_OVERFLOW);

	set_table(&f->unicast, unicast, nb_unicast);
	set_table(&f->multicast, multicast, nb_multicast);
	if (nb_unicast > VSIM_FILTER_MACS)
		modes |= MODE_UNI_OVERFLOW;
	if (nb_multicast > VSIM_FILTER_MACS)
		modes |= MODE_MULTI_OVERFLOW;
	set_modes(fn, modes);
}

bool
vsim_filter_set_vlan(struct vsim_fn *fn, uint16_t vid, bool on)
{
	_Atomic uint64_t *word;
	uint64_t bit = UINT64_C(1) << vid % 64, old;

	if (vid >= 4096)
		return false;
	word = &fn->filter->vlan[vid / 64];
	old = load(word);
	store(word, on ? old | bit : old & ~bit);
	return true;
}

static bool
in_table(const struct mac_table *t, uint64_t mac)
{
	uint32_t count = load(&t->count);

	for (uint32_t i = 0; i < count && i < VSIM_FILTER_MACS; i++)
		if (load(&t->mac[i]) == mac)
			return true;
	return false;
}

bool
vsim_filter_check(const struct vsim_fn *fn, const uint8_t *frame)
{
	const struct vsim_rx_filter *f = fn->filter;
	uint32_t modes = load(&f->modes);
	uint64_t mac = mac_value(frame);

	/* Precedence: PROMISC, VLAN table, NO*, ALL*, MAC tables. */
	if (modes & MODE(VIRTIO_NET_CTRL_RX_PROMISC))
		return true;
	if ((modes & MODE_VLAN) && frame[12] == 0x81 && frame[13] == 0x00) {
		uint16_t vid = (frame[14] << 8 | frame[15]) & 0xfff;

		if (!(load(&f->vlan[vid / 64]) & UINT64_C(1) << vid % 64))
			return false;
	}
	if (mac == UINT64_C(0xffffffffffff))
		return !(modes & MODE(VIRTIO_NET_CTRL_RX_NOBCAST));
	if (frame[0] & 1) {
		if (modes & MODE(VIRTIO_NET_CTRL_RX_NOMULTI))
			return false;
		if (modes & (MODE(VIRTIO_NET_CTRL_RX_ALLMULTI) | MODE_MULTI_OVERFLOW))
			return true;
		return in_table(&f->multicast, mac);
	}
	if (modes & MODE(VIRTIO_NET_CTRL_RX_NOUNI))
		return false;
	if (modes & (MODE(VIRTIO_NET_CTRL_RX_ALLUNI) | MODE_UNI_OVERFLOW))
		return true;
	return mac == load(&f->own_mac) || in_table(&f->unicast, mac);
}
