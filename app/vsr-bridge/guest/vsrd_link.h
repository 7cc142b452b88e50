/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_VSRD_LINK_H
#define BRIDGE_VSRD_LINK_H

/**
 * @file
 * What vsr-bridge asks the owner of PFs: where a VF is, its token, and news about VFs.
 */

#include <stdbool.h>

#include "base/base_bdf.h"
#include "daemon/err.h"
#include "daemon/rpc_client.h"

#define VSRD_TOKEN_LEN 37
#define VSRD_ANSWER_MS 10000 /**< Longest wait for an answer. */

/** A VF, as vsrd knows it. */
struct vsrd_vf {
	char bdf[BASE_BDF_LEN];
	char token[VSRD_TOKEN_LEN];
	struct err legacy_refusal; /**< Why its legacy registers cannot be used; empty: they can. */
};

/**
 * Find a VF, to open it.
 * @param path  Socket of vsrd.
 * @return 0, -ENOTCONN (vsrd does not answer), -ENODEV (vsrd does not own the PF, or there is no
 *         such VF), -EBUSY (the VF has another driver), or -EPROTO, with a sentence that says what
 *         to do.
 */
int vsrd_find_vf(const char *path, const char *pf, unsigned int vf, struct vsrd_vf *out,
		struct err *err);

/** After a VF could not be opened: if another program uses the VF, say so in *err. */
void vsrd_name_user(const char *path, const char *pf, unsigned int vf, struct err *err);

/** News of vsrd; fd is -1 while there is no connection. */
struct vsrd_news {
	int fd;
	struct rpc_client_buf buf;
};

/** Connect and subscribe. @return whether there is a connection now. */
bool vsrd_news_open(struct vsrd_news *news, const char *path);
/** Read what has arrived, without waiting. @return whether VFs may have come or gone. */
bool vsrd_news_read(struct vsrd_news *news);
void vsrd_news_close(struct vsrd_news *news);

#endif /* BRIDGE_VSRD_LINK_H */
