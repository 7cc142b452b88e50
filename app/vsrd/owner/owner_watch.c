/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* One thread per PF watches it. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/base_clock.h"

#include "daemon/events.h"
#include "daemon/log.h"

#include "owner_admin.h"
#include "owner_keep.h"
#include "owner_pf.h"
#include "owner_vfs.h"
#include "owner_view.h"
#include "owner_watch.h"

#define WAIT_MS 2000 /* For others inside the gate; then the next look tries again. */

/* ---------------------------------------------------------------- look; commands go on */

static void
check_device(struct owner_pf *pf)
{
	const uint8_t status = vio_dev_status(&pf->dev);
	const bool gone = status == 0xff;
	const bool needs_reset = !gone && (status & VIRTIO_STATUS_NEEDS_RESET) != 0;

	if (gone && !atomic_exchange(&pf->gone, gone))
		events_emit("device_error",
				json_pack("{s:s, s:s}", "pf", pf->fn.bdf, "why",
						"its registers cannot be read any more"));
	if (needs_reset && !atomic_exchange(&pf->needs_reset, needs_reset))
		events_emit("device_error",
				json_pack("{s:s, s:s}", "pf", pf->fn.bdf, "why",
						"it needs a reset (DEVICE_NEEDS_RESET)"));
	pf->gone = gone;
	pf->needs_reset = needs_reset;
}

static bool
is_requested(const struct owner_pf *pf)
{
	struct pollfd wait = { .fd = pf->request, .events = POLLIN };

	return pf->request >= 0 && poll(&wait, 1, 0) == 1;
}

static bool
vfs_have_changed(const struct owner_pf *pf)
{
	struct sysfs_fn fn;

	return sysfs_fn_read(pf->owner->host.sysfs, pf->fn.bdf, &fn) == 0 &&
			fn.num_vfs != pf->known_vfs;
}

static bool
repair_is_due(struct owner_pf *pf)
{
	const long long now = base_now_ms();

	if (!pf->admin_dead && now >= pf->repair_ms + OWNER_REPAIR_MAX_MS)
		pf->repair_pause_ms = 0;
	return pf->admin_dead && !pf->gone && now >= pf->repair_ms;
}

/* @param keeper  The keeper answers. @return whether there is something to change. */
static bool
look(struct owner_pf *pf, bool keeper)
{
	bool due = false;

	if (gate_enter(&pf->gate, NULL, WAIT_MS) != 0)
		return false;
	if (pf->used) {
		/* Commands that timed out may be answered now. */
		if (pf->admin != NULL && vio_admin_check(pf->admin) == 0)
			due = pf->agree_again;
		due = due || is_requested(pf) || vfs_have_changed(pf) || repair_is_due(pf) ||
				(pf->keep_again && keeper);
		check_device(pf);
		owner_publish(pf);
	}
	gate_leave(&pf->gate);
	return due;
}

/* ---------------------------------------------------------------- change */

/* The kernel unbinds or unplugs the PF and waits for our close. The VFs go too. */
static void
give_back(struct owner_pf *pf)
{
	char bdf[BASE_BDF_LEN];

	strcpy(bdf, pf->fn.bdf);
	owner_drop(pf);
	events_emit("pf_removed",
			json_pack("{s:s, s:s}", "pf", bdf, "why", "the kernel requested it back"));
}

/* A device that never answers must not be reset without end: each pause is longer. */
static void
repair(struct owner_pf *pf)
{
	struct err err;
	int ret;

	log_info("%s: an admin queue is dead: the PF is reset", pf->fn.bdf);
	ret = owner_pf_reset(pf->owner, pf, &err);
	if (ret != 0)
		log_warn("%s: the reset has not helped: %s", pf->fn.bdf, err.text);
	/* A PF without a new admin queue is tried again too. */
	if (ret != 0)
		pf->admin_dead = true;
	pf->repair_pause_ms = pf->repair_pause_ms == 0 ? OWNER_REPAIR_MS : 2 * pf->repair_pause_ms;
	if (pf->repair_pause_ms > OWNER_REPAIR_MAX_MS)
		pf->repair_pause_ms = OWNER_REPAIR_MAX_MS;
	pf->repair_ms = base_now_ms() + pf->repair_pause_ms;
}

static void
change(struct owner_pf *pf, bool keeper)
{
	if (gate_enter(&pf->gate, "a check of the PF", WAIT_MS) != 0)
		return;
	if (pf->used && is_requested(pf)) {
		give_back(pf);
	} else if (pf->used) {
		owner_vfs_changed(pf->owner, pf);
		if (pf->agree_again)
			owner_admin_agree(pf);
		if (repair_is_due(pf))
			repair(pf);
		if (pf->keep_again && keeper)
			owner_keep(pf);
	}
	owner_publish(pf);
	gate_leave(&pf->gate);
}

/* ---------------------------------------------------------------- the thread */

static void *
watch_main(void *arg)
{
	struct owner_pf *pf = arg;
	struct pollfd wait = { .fd = pf->owner->stop, .events = POLLIN };

	while (poll(&wait, 1, OWNER_WATCH_MS) <= 0) {
		/* A slow keeper is waited for outside of the gate. */
		const bool keeper = pf->used && pf->keep_again && fdstore_answers();

		if (pf->used && look(pf, keeper))
			change(pf, keeper);
	}
	return NULL;
}

void
owner_watch_start(struct owner_pf *pf)
{
	int ret = 0;

	/* Another client may have attached another PF to the same place meanwhile. */
	pthread_mutex_lock(&pf->owner->lock);
	if (!pf->watched) {
		ret = pthread_create(&pf->watcher, NULL, watch_main, pf);
		pf->watched = ret == 0;
	}
	pthread_mutex_unlock(&pf->owner->lock);
	if (ret != 0)
		log_error("%s is not watched: cannot start a thread: %s", pf->bdf, strerror(ret));
}

bool
owner_watch_end(struct owner_pf *pf, unsigned int wait_ms)
{
	const struct timespec end = base_deadline(wait_ms);

	if (!pf->watched)
		return true;
	if (pthread_clockjoin_np(pf->watcher, NULL, CLOCK_MONOTONIC, &end) != 0)
		return false;
	pf->watched = false;
	return true;
}
