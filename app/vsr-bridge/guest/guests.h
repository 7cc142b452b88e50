/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_GUESTS_H
#define BRIDGE_GUESTS_H

/**
 * @file
 * The guests of this process: each has a VF, and a front end of one of the kinds. A guest whose VF
 * is not there waits for the VF; a thread follows the news of vsrd. Any thread.
 */

#include <stdbool.h>

#include <jansson.h>

#include "conf.h"

struct guests_conf {
	const char *vsrd; /**< Socket of vsrd. */
	const char *state; /**< State file. */
	const char *folder; /**< Private folder for the sockets of rte_vhost. */
};

/**
 * Start without guests, then restore those of the state file.
 * @return 0 or -errno with a sentence.
 */
int guests_start(const struct guests_conf *set, struct err *err);
/** End all guests, in order and in limited time; they stay in the state file.
 * @return false: something does not end. */
bool guests_stop(void);

/**
 * Add a guest, and note it in the state file.
 * @return 0, -EEXIST (the VF or the socket has a guest), -ENOSPC, -ENOTCONN (vsrd does not answer),
 *         -ENODEV, -EBUSY, or another error, with a sentence. After an error nothing is left.
 */
int guests_add(const struct guest_conf *wish, struct err *err);
/** Remove a guest. @return 0, -ENOENT, -EBUSY or -ETIMEDOUT, with a sentence. */
int guests_remove(const char *pf, unsigned int vf, struct err *err);

/** Array of all guests, or of those of one PF. */
json_t *guests_list(const char *pf);
/** A guest in full. @return NULL with a sentence: there is none. */
json_t *guests_show(const char *pf, unsigned int vf, struct err *err);
/** Its counters. @return as guests_show(). */
json_t *guests_stats(const char *pf, unsigned int vf, struct err *err);
/** What is wrong with guests: an array of objects with "guest" and "text". */
json_t *guests_problems(void);
/** Whether vsrd answers now. */
bool guests_vsrd_answers(void);

#endif /* BRIDGE_GUESTS_H */
