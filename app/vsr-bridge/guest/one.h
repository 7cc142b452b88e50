/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_ONE_H
#define BRIDGE_ONE_H

/**
 * @file
 * One guest: what is the same for all kinds of front ends.
 */

#include <stdatomic.h>

#include "base/base_log.h"
#include "daemon/budget.h"
#include "vsr-bridge/gate/gate.h"

#include "common/pf.h"
#include "conf.h"
#include "copy.h"
#include "vsrd_link.h"

struct vfio_guest;

enum guest_state {
	GUEST_WAITING, /**< Its VF is not there; why says what is missing. */
	GUEST_STARTING,
	GUEST_RUNNING,
	GUEST_ENDING,
	GUEST_STUCK, /**< It did not end in time. */
};

/** What all guests share. */
struct one_env {
	struct pf_host host; /**< Root of sysfs. */
	struct gate *gate;
	const char *vsrd; /**< Socket of vsrd. */
	const char *folder; /**< Private folder for the sockets of rte_vhost. */
	void (*wake)(void); /**< A guest was revoked. Any thread. */
};

struct guest;

/** A kind of front ends: how a VF comes to a socket, and back. */
struct front {
	/**
	 * Open the VF and serve its socket. The guest is STARTING.
	 * @return 0, or -errno with a sentence, and nothing is left.
	 */
	int (*start)(struct guest *guest, const struct vsrd_vf *vf, struct err *err);
	/** Disconnect the front end soon, without waiting. The guest is RUNNING. */
	void (*shut)(struct guest *guest);
	/** As one_repair(). NULL: needs_reset is never set. */
	int (*repair)(struct guest *guest, struct err *err);
	/** As one_end(). */
	int (*end)(struct guest *guest, struct err *err);
	/* For people; the caller has the lock of the guest, and no function waits. */
	json_t *(*show)(const struct guest *guest); /**< A row of a list. */
	json_t *(*show_in_full)(const struct guest *guest);
	json_t *(*show_stats)(const struct guest *guest);
};

struct guest {
	struct guest *next;
	struct guest_conf conf;
	const struct front *front;
	const struct one_env *env;
	unsigned long number; /**< No other guest of this run ever has it. */
	enum guest_state state;
	struct err why;
	atomic_bool revoked; /**< The kernel wants the VF back. */
	atomic_bool needs_reset; /**< The VF does, and one_repair() can help. */
	struct base_log_limit limit; /**< Of events that its front end causes. */

	/* While it is not WAITING: */
	char bdf[BASE_BDF_LEN];
	/* On vhost-user: */
	char back_path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /**< Socket of rte_vhost. */
	struct gate_port *port; /**< NULL: none yet. */
	struct copy *copy; /**< Of a guest in mode copy; else NULL. */
	struct budget_guest budget; /**< Open files that are set aside for it. */
	int folder; /**< Of the socket, if another user owns it; else -1. */
	/* On vfio-user: */
	struct vfio_guest *vfio;
};

/** Start a guest, as its front does. It is STARTING, so nobody else touches it. */
int one_start(struct guest *guest, struct err *err);
/**
 * End a guest. It is ENDING, so nobody else touches it.
 * @return 0, or -ETIMEDOUT with a sentence: something does not end.
 */
int one_end(struct guest *guest, struct err *err);
/**
 * Reset the VF of a guest while the guest stays. The guest is STARTING.
 * @return 0, or -errno with a sentence: the guest must be ended.
 */
int one_repair(struct guest *guest, struct err *err);

/** An event about a guest, as one that an outsider can cause. */
void one_emit(struct guest *guest, const char *type, const char *why);

#endif /* BRIDGE_ONE_H */
