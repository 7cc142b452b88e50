/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The status register as a state machine, negotiation, reset and stop; the check of a vector.
 * virtio 1.4 2.1, 2.2, 3.1, 4.1.5.1.2.
 */

#include <errno.h>
#include <string.h>

#include "vsim/regs/vsim_status.h"
#include "vsim/core/vsim_clock.h"
#include "vsim/core/vsim_event.h"
#include "vsim/core/vsim_profile.h"
#include "vsim/data/vsim_filter.h"
#include "vsim/ring/vsim_queue.h"

/* Status bits that a driver may set. The device sets NEEDS_RESET; SUSPEND is not offered. */
#define DRIVER_BITS                                                                     \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK | \
			VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_FAILED)

/* ---------------------------------------------------------------- reset */

void
vsim_queue_cfg_reset(struct vsim_fn *fn, uint16_t qi)
{
	fn->queue_cfg[qi] = (struct vsim_queue_cfg){
		.size = fn->nic->conf.queue_size,
		.vector = VIRTIO_MSI_NO_VECTOR,
	};
}

void
vsim_net_config_reset(struct vsim_fn *fn)
{
	const struct vsim_nic_conf *conf = &fn->nic->conf;
	struct virtio_net_config *c = &fn->net_config, old = *c;

	memset(c, 0, sizeof(*c));
	if (vsim_features_has(&fn->offered, VIRTIO_NET_F_MAC))
		memcpy(c->mac, fn->mac, sizeof(c->mac));
	if (vsim_features_has(&fn->offered, VIRTIO_NET_F_STATUS))
		c->status = htole16(fn->link_up ? VIRTIO_NET_S_LINK_UP : 0);
	if (vsim_features_has(&fn->offered, VIRTIO_NET_F_MQ))
		c->max_virtqueue_pairs = htole16(conf->queue_pairs);
	if (vsim_features_has(&fn->offered, VIRTIO_NET_F_MTU))
		c->mtu = htole16(fn->mtu);
	if (vsim_features_has(&fn->offered, VIRTIO_NET_F_SPEED_DUPLEX)) {
		c->speed = htole32(conf->speed);
		c->duplex = VIRTIO_NET_DUPLEX_FULL;
	}
	if (memcmp(&old, c, sizeof(old)) != 0)
		fn->config_stale = true;
}

void
vsim_fn_virtio_reset(struct vsim_fn *fn)
{
	/* Deactivate the queues first: the fields below must not change while a queue runs. */
	for (uint16_t qi = 0; qi < VSIM_MAX_QUEUES; qi++) {
		vsim_queue_deactivate(fn, qi);
		vsim_queue_cfg_reset(fn, qi);
	}
	fn->status = 0;
	fn->isr = 0;
	fn->queue_select = 0;
	fn->device_feature_select = 0;
	fn->driver_feature_select = 0;
	memset(&fn->driver, 0, sizeof(fn->driver));
	memset(&fn->accepted, 0, sizeof(fn->accepted));
	fn->config_vector = VIRTIO_MSI_NO_VECTOR;
	fn->config_vector_unread = false;
	fn->status_reread = false;
	fn->features_refused = false;
	fn->reset_unread = false;
	fn->legacy = false;
	fn->legacy_regs = (struct vsim_legacy_regs){ .negotiated = false };
	fn->stopped = fn->restored = false;
	fn->config_pending = false;
	fn->reset_end = 0;
	vsim_legacy_doorbells_idle(fn);
	fn->generation++;
	atomic_store_explicit(&fn->pairs_in_use, 1, memory_order_relaxed);
	vsim_net_config_reset(fn);
	vsim_filter_reset(fn);
	vsim_fn_count(&fn->counters->resets);
}

/* A reset by the driver ends all pending read-backs; those of a running driver are violations. */
static void
reset_by_driver(struct vsim_fn *fn)
{
	uint64_t slow = fn->nic->fault.reset_us * (vsim_clock_hz() / 1000000);
	bool unread = fn->config_vector_unread;
	uint8_t status = fn->status;

	if (vsim_fn_resetting(fn))
		return;

	for (uint16_t qi = 0; qi < VSIM_MAX_QUEUES; qi++)
		unread = unread || fn->queue_cfg[qi].vector_unread;
	/* A driver that gives up during the set-up need not read back. */
	if (unread && (status & VIRTIO_STATUS_DRIVER_OK))
		vsim_fn_violation(fn, VIRTIO_RULE_VECTOR_READ_BACK);
	vsim_fn_virtio_reset(fn);
	fn->reset_unread = true;
	/* Memory and rings are already out of use; only device_status shows the reset for a
	 * while. A reset of a device that is already reset is immediate. */
	if (slow != 0 && status != 0) {
		fn->reset_status = status;
		fn->reset_end = vsim_clock() + slow;
	}
}

/* ---------------------------------------------------------------- negotiation */

static void
features_ok(struct vsim_fn *fn)
{
	enum virtio_rule rule = vsim_features_broken_rule(&fn->driver, &fn->offered);

	if (rule != VIRTIO_RULE_NONE)
		vsim_fn_violation(fn, rule);
	/* virtio 1.4 2.2.2: if the device does not accept the set, the bit stays clear. */
	fn->features_refused = rule != VIRTIO_RULE_NONE || fn->nic->fault.refuse_features_ok;
	fn->status_reread = false;
	if (fn->features_refused)
		return;
	fn->accepted = fn->driver;
	fn->status |= VIRTIO_STATUS_FEATURES_OK;
	if (vsim_features_has(&fn->accepted, VIRTIO_F_SR_IOV))
		fn->sriov_permitted = true;
	vsim_filter_reset(fn);
}

void
vsim_fn_driver_ok(struct vsim_fn *fn)
{
	bool broken = false;

	for (uint16_t qi = 0; qi < VSIM_MAX_QUEUES; qi++)
		broken |= fn->queue_cfg[qi].enabled && vsim_queue_activate(fn, qi) < 0;
	fn->status |= VIRTIO_STATUS_DRIVER_OK;
	if (broken)
		vsim_fn_broken(fn);
}

/* Set one status bit. Illegal steps are counted, and refused if the device could not run in the
 * new state. virtio 1.4 3.1.1. */
static void
status_step(struct vsim_fn *fn, uint8_t step)
{
	switch (step) {
	case VIRTIO_STATUS_ACKNOWLEDGE:
		fn->status |= step;
		break;
	case VIRTIO_STATUS_DRIVER:
		if (!(fn->status & VIRTIO_STATUS_ACKNOWLEDGE))
			vsim_fn_violation(fn, VIRTIO_RULE_INIT_ORDER);
		fn->status |= step;
		break;
	case VIRTIO_STATUS_FEATURES_OK:
		if (!(fn->status & VIRTIO_STATUS_DRIVER))
			vsim_fn_violation(fn, VIRTIO_RULE_INIT_ORDER);
		features_ok(fn);
		break;
	case VIRTIO_STATUS_DRIVER_OK:
		if (!(fn->status & VIRTIO_STATUS_FEATURES_OK)) {
			vsim_fn_violation(fn,
					fn->features_refused ? VIRTIO_RULE_FEATURES_REFUSED :
							       VIRTIO_RULE_INIT_ORDER);
			break;
		}
		if (!fn->status_reread)
			vsim_fn_violation(fn, VIRTIO_RULE_INIT_ORDER);
		vsim_fn_driver_ok(fn);
		break;
	case VIRTIO_STATUS_FAILED:
		fn->status |= step;
		break;
	}
}

void
vsim_status_write(struct vsim_fn *fn, uint8_t value)
{
	static const uint8_t order[] = {
		VIRTIO_STATUS_ACKNOWLEDGE,
		VIRTIO_STATUS_DRIVER,
		VIRTIO_STATUS_FEATURES_OK,
		VIRTIO_STATUS_DRIVER_OK,
		VIRTIO_STATUS_FAILED,
	};
	uint8_t old = fn->status & DRIVER_BITS;

	if (value == 0) {
		reset_by_driver(fn);
		return;
	}
	if (fn->reset_unread) {
		vsim_fn_violation(fn, VIRTIO_RULE_RESET_WAIT);
		fn->reset_unread = false;
	}
	if (vsim_fn_resetting(fn))
		return;
	value &= DRIVER_BITS;
	if (old & ~value)
		vsim_fn_violation(fn, VIRTIO_RULE_STATUS_BITS);
	value &= ~old;
	if ((old & VIRTIO_STATUS_FAILED) && value != 0) {
		vsim_fn_violation(fn, VIRTIO_RULE_STATUS_BITS);
		return;
	}
	for (size_t i = 0; i < sizeof(order); i++)
		if (value & order[i])
			status_step(fn, order[i]);
}

/* ---------------------------------------------------------------- stop */

void
vsim_fn_stop(struct vsim_fn *fn, bool stopped)
{
	fn->stopped = stopped;
	if (stopped)
		return;
	if (fn->restored && (fn->status & VIRTIO_STATUS_DRIVER_OK)) {
		vsim_fn_driver_ok(fn);
		for (uint16_t qi = 0; qi < VSIM_MAX_QUEUES; qi++)
			vsim_queue_resume(fn, qi);
	}
	fn->restored = false;
	if (fn->config_pending)
		vsim_notify_config(fn);
}
