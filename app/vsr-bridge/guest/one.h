/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_ONE_H
#define BRIDGE_ONE_H

/**
 * @file
 * One guest: from a VF to a socket for its front end, and back.
 */

#include <stdatomic.h>

#include "base/base_log.h"
#include "daemon/budget.h"
#include "vsr-bridge/gate/gate.h"

#include "conf.h"

enum guest_state {
	GUEST_WAITING, /**< Its VF is not there; why says what is missing. */
	GUEST_STARTING,
	GUEST_RUNNING,
	GUEST_ENDING,
	GUEST_STUCK, /**< It did not end in time. */
};

struct guest {
	struct guest *next;
	struct guest_conf conf;
	unsigned long number; /**< No other guest of this run ever has it. */
	enum guest_state state;
	struct err why;
	atomic_bool revoked; /**< The kernel wants the VF back. */
	struct base_log_limit limit; /**< Of events that its front end causes. */

	/* While it is not WAITING: */
	char bdf[BASE_BDF_LEN];
	char back_path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /**< Socket of rte_vhost. */
	struct gate_port *port; /**< NULL: none yet. */
	struct budget_guest budget; /**< Open files that are set aside for it. */
	int folder; /**< Of the socket, if another user owns it; else -1. */
};

/**
 * Start a guest. It is STARTING, so nobody else touches it.
 * @param vsrd    Socket of vsrd. @param folder  Private folder for the sockets of rte_vhost.
 * @return 0, or -errno with a sentence, and nothing is left.
 */
int one_start(struct guest *guest, struct gate *gate, const char *vsrd, const char *folder,
		struct err *err);
/**
 * End a guest. It is ENDING, so nobody else touches it.
 * @return 0, or -ETIMEDOUT with a sentence: rte_vhost or the VF does not end.
 */
int one_end(struct guest *guest, struct err *err);

/** An event about a guest, as one that an outsider can cause. */
void one_emit(struct guest *guest, const char *type, const char *why);

#endif /* BRIDGE_ONE_H */
