/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_CTL_H
#define VSR_SIM_CTL_H

/**
 * @file
 * The control socket of a running simulator. A request and an answer is a line with a JSON object.
 *
 *   {"cmd": "state"}                            directory, process id, functions
 *   {"cmd": "stats"}                            counters of the NIC and all its functions
 *   {"cmd": "stats", "function": "vf1"}         counters of one function and its queues
 *   {"cmd": "link", "function": F, "up": true}  connect or disconnect the cable
 *   {"cmd": "wire", "function": F, "spec": S}   connect the function to another wire
 *   {"cmd": "fault", "faults": ["N=V", ...]}    simulate these faults, and no others
 *   {"cmd": "attach", "bdf": B, "socket": S}    add a function of another process to the bus
 *   {"cmd": "detach", "bdf": B}                 remove such a function
 *   {"cmd": "stop"}                             end the simulator
 *
 * An answer has "ok": true and the result, or "ok": false and the error text in "error". A function
 * is "pf", "vf3" or an address. A request has at most CTL_MAX_REQUEST bytes.
 */

#include <jansson.h>
#include <stddef.h>

#include "nic.h"

#define CTL_MAX_REQUEST 65536

/* ---------------------------------------------------------------- server, single-threaded */

struct ctl;

struct ctl_conf {
	const char *path; /**< Of the socket; a stale socket is replaced. */
	const char *dir; /**< Directory of the simulator, for "state". */
	struct nic *nic;
	struct host *host;
	void (*stop)(void *arg); /**< Called for {"cmd": "stop"}. */
	void *stop_arg;
};

/** @return NULL with the error text in err. */
struct ctl *ctl_create(const struct ctl_conf *conf, char *err, size_t err_len);
/** A descriptor that is readable when ctl_process() has work. */
int ctl_fd(const struct ctl *ctl);
/** Receive and answer requests; never waits for a client. */
void ctl_process(struct ctl *ctl);
/** Close all connections and remove the socket. NULL: no effect. */
void ctl_destroy(struct ctl *ctl);

/* ---------------------------------------------------------------- client */

/**
 * Send a request to the simulator in dir and wait for the answer, with a timeout.
 * @param request  The reference is stolen.
 * @return the answer, whose "ok" is true, or NULL: an error message was printed.
 */
json_t *ctl_call(const char *dir, json_t *request);

#endif /* VSR_SIM_CTL_H */
