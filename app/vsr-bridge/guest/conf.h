/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_CONF_H
#define BRIDGE_CONF_H

/**
 * @file
 * What a guest was asked to get, as JSON, and the file that keeps these wishes for the next run.
 */

#include <stdbool.h>
#include <sys/un.h>

#include <jansson.h>

#include "base/base_bdf.h"
#include "base/base_listen.h"
#include "daemon/err.h"
#include "vsr-bridge/vfio/variant.h"

#define GUESTS_MAX 512
#define CONF_MAC_LEN 18 /**< "52:54:00:12:34:56" and its terminator. */
#define CONF_MAX_PAIRS 128

/** How packets travel between a guest and its VF. */
enum guest_mode { GUEST_DIRECT, GUEST_RELAY, GUEST_COPY, GUEST_NB_MODES };
extern const char *const guest_mode_names[GUEST_NB_MODES];

/** Kinds of front ends. */
enum guest_kind { GUEST_VHOST_USER, GUEST_VFIO_USER, GUEST_NB_KINDS };

struct guest_conf {
	enum guest_kind kind;
	char pf[BASE_BDF_LEN]; /**< Full address. */
	unsigned int vf; /**< From 1. */
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)]; /**< Begins with '/'. */
	struct base_access access; /**< Of a socket that vsr-bridge makes. */
	uid_t uid; /**< User who asked for the guest. */

	const struct variant *variant; /**< On vfio-user: how the VF is shown. */

	/* On vhost-user: */
	bool server; /**< vsr-bridge listens at the socket; else the front end does. */
	unsigned int pairs; /**< Queue pairs that the front end may use. */
	char mac[CONF_MAC_LEN]; /**< That the guest is to see; empty: that of the VF. */
	enum guest_mode mode;
	bool doorbell_mapped; /**< Give the doorbell page of the VF to the front end. */
};

/**
 * Set up from JSON: pf, vf, socket; optional: kind ("vhost-user", "vfio-user"), uid, and access
 * (object: uid, gid, mode). For vhost-user: role ("server", "client"), queues, mac, mode, doorbell
 * ("relayed", "mapped"). For vfio-user: variant.
 * @return 0, or -EINVAL with a sentence.
 */
int conf_parse(struct guest_conf *conf, json_t *json, struct err *err);
/** The reverse. @return a new reference; NULL: out of memory. */
json_t *conf_json(const struct guest_conf *conf);

/**
 * Read a state file. A damaged file is renamed, with ".damaged" at its end, and counts as none.
 * @param confs  Out: GUESTS_MAX places.
 * @param why    Out: a sentence about a damaged file; else empty.
 * @return number of guests, or -errno with a sentence: a newer version wrote it, or the file cannot
 *         be read or renamed.
 */
int conf_load(const char *path, struct guest_conf *confs, struct err *why, struct err *err);
/** Replace the state file, in one step. @return 0 or -errno with a sentence. */
int conf_store(const char *path, const struct guest_conf *confs, unsigned int nb, struct err *err);

#endif /* BRIDGE_CONF_H */
