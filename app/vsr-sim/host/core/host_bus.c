/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
/* The bus of the simulated kernel: its functions, and how one is found. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host_bus.h"

void
host_log(const char *who, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "vsr-sim: %s: %s\n", who, line);
}

int
host_bdf_key(const char *bdf, uint32_t *key)
{
	unsigned int domain, bus, slot, function;
	int end = 0;

	if (strlen(bdf) >= HOST_BDF_LEN ||
			sscanf(bdf, "%4x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) !=
					4 ||
			bdf[end] != '\0' || slot > 31 || function > 7)
		return -EINVAL;
	*key = domain << 16 | bus << 8 | slot << 3 | function;
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
	int ret = -ENODEV;

	pthread_mutex_lock(&host->lock);
	for (size_t i = 0; i < host->nb_fns; i++) {
		if (host->fns[i]->group == group) {
			memcpy(out, host->fns[i]->bdf, HOST_BDF_LEN);
			ret = 0;
		}
	}
	pthread_mutex_unlock(&host->lock);
	return ret;
}
