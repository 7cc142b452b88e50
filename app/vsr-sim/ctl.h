/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_CTL_H
#define VSR_SIM_CTL_H

/**
 * @file
 * The control socket of a running simulator: one JSON object per line and direction.
 *
 *   {"cmd": "state"}                            what runs here
 *   {"cmd": "stats"}                            the NIC and all its functions
 *   {"cmd": "stats", "function": "vf1"}         one function with its queues
 *   {"cmd": "link", "function": F, "up": true}  cable in or out
 *   {"cmd": "wire", "function": F, "spec": S}   connect to something else
 *   {"cmd": "fault", "faults": ["N=V", ...]}    misbehave in these ways, and no others
 *   {"cmd": "attach", "bdf": B, "socket": S}    put a function of another process on the bus
 *   {"cmd": "detach", "bdf": B}                 take such a function away
 *   {"cmd": "stop"}                             end
 *
 * An answer has "ok": true and more, or "ok": false and one sentence in "error". A function is
 * "pf", "vf3" or a name on the bus. Requests are at most CTL_MAX_REQUEST bytes.
 */

#include <jansson.h>
#include <stddef.h>

#include "nic.h"

#define CTL_MAX_REQUEST 65536

/* ---------------------------------------------------------------- server, one thread */

struct ctl;

struct ctl_conf {
	const char *path; /**< Of the socket; a stale one is replaced. */
	const char *dir; /**< Told by "state". */
	struct nic *nic;
	struct host *host;
	void (*stop)(void *arg); /**< Somebody asked for the end. */
	void *stop_arg;
};

/** NULL with one sentence in err. */
struct ctl *ctl_create(const struct ctl_conf *conf, char *err, size_t err_len);
/** Polls readable when ctl_process() has work. */
int ctl_fd(const struct ctl *ctl);
/** Take in what has come and answer it; never blocks on a client. */
void ctl_process(struct ctl *ctl);
/** Close all connections, remove the socket. NULL is fine. */
void ctl_destroy(struct ctl *ctl);

/* ---------------------------------------------------------------- client */

/**
 * Send one request to the simulator in dir and wait (seconds) for its answer.
 * @param request  Taken over (jansson's "stealing").
 * @return the answer, whose "ok" is true; or NULL after a sentence was printed.
 */
json_t *ctl_call(const char *dir, json_t *request);

#endif /* VSR_SIM_CTL_H */
