/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The bus of the simulated host: its functions, and look-ups of a function. */

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base_log.h"

#include "host_bus.h"

static struct base_log log_place;

static void
log_open(void)
{
	base_log_open(&log_place, STDERR_FILENO);
}

/* The caller may hold a lock of the host: the reader of the log is not waited for. */
void
host_log(const char *subject, const char *format, ...)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char text[256], line[320];
	va_list args;

	pthread_once(&once, log_open);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(line, sizeof(line), "vsr-sim: %s: %s", subject, text);
	base_log_line(&log_place, line);
}

int
host_bdf_key(const char *text, uint32_t *key)
{
	char full[BASE_BDF_LEN];
	struct base_bdf bdf;

	if (base_bdf_parse(text, &bdf) != 0)
		return -EINVAL;
	/* host_find() compares text, so one address must have one text only. */
	base_bdf_format(bdf, full);
	if (strcmp(text, full) != 0)
		return -EINVAL;
	*key = (uint32_t)bdf.domain << 16 | bdf.rid;
	return 0;
}

struct host_fn *
host_find(struct host *host, const char *bdf)
{
	for (size_t i = 0; i < host->nb_fns; i++)
		if (strcmp(host->fns[i]->bdf, bdf) == 0)
			return host->fns[i];
	return NULL;
}

struct host_fn *
host_find_group(struct host *host, uint64_t group)
{
	for (size_t i = 0; i < host->nb_fns; i++)
		if ((uint64_t)host->fns[i]->group == group)
			return host->fns[i];
	return NULL;
}

struct host_fn *
host_next(struct host *host, const struct host_fn *prev)
{
	for (size_t i = 0; i < host->nb_fns; i++)
		if (prev == NULL || host->fns[i]->key > prev->key)
			return host->fns[i];
	return NULL;
}

struct host_fn *
host_next_vf(struct host *host, const struct host_fn *pf, const struct host_fn *prev)
{
	for (size_t i = 0; i < host->nb_fns; i++)
		if (host->fns[i]->pf == pf && (prev == NULL || host->fns[i]->key > prev->key))
			return host->fns[i];
	return NULL;
}

int
host_free_group(const struct host *host)
{
	for (int group = 1;; group++) {
		bool taken = false;

		for (size_t i = 0; i < host->nb_fns && !taken; i++)
			taken = host->fns[i]->group == group;
		if (!taken)
			return group;
	}
}

size_t
host_fn_list(struct host *host, char (*out)[HOST_BDF_LEN], size_t max)
{
	size_t nb;

	pthread_mutex_lock(&host->lock);
	nb = host->nb_fns;
	for (size_t i = 0; i < nb && i < max; i++)
		memcpy(out[i], host->fns[i]->bdf, HOST_BDF_LEN);
	pthread_mutex_unlock(&host->lock);
	return nb;
}

int
host_group_fn(struct host *host, int group, char out[HOST_BDF_LEN])
{
	const struct host_fn *fn;

	pthread_mutex_lock(&host->lock);
	fn = group < 0 ? NULL : host_find_group(host, (uint64_t)group);
	if (fn != NULL)
		memcpy(out, fn->bdf, HOST_BDF_LEN);
	pthread_mutex_unlock(&host->lock);
	return fn != NULL ? 0 : -ENODEV;
}

bool
host_vf_bdf(const struct host_fn_info *pf, unsigned int n, char out[HOST_BDF_LEN])
{
	struct base_bdf bdf;
	uint32_t rid;

	if (base_bdf_parse(pf->bdf, &bdf) != 0)
		return false;
	rid = bdf.rid + (uint32_t)pf->sriov_offset + (uint32_t)(n - 1) * pf->sriov_stride;
	if (rid > UINT16_MAX)
		return false;
	bdf.rid = (uint16_t)rid;
	base_bdf_format(bdf, out);
	return true;
}
