/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* What guests may use of this process. */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base_limits.h"

#include "budget.h"

#define MAX_MAP_COUNT "/proc/sys/vm/max_map_count"
#define DEFAULT_MAP_COUNT 65530
/* For the process itself: 64 clients, 48 calls to vsrd, EAL, and what they need for a moment. */
#define OWN_FILES 256
#define OWN_MAPS 2048

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct budget all = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
static struct budget_guest used; /* Sums; maps: at least BUDGET_MAPS per guest. */

static uint64_t
map_count(void)
{
	FILE *file = fopen(MAX_MAP_COUNT, "re");
	unsigned long count = DEFAULT_MAP_COUNT;

	if (file != NULL && fscanf(file, "%lu", &count) != 1)
		count = DEFAULT_MAP_COUNT;
	if (file != NULL)
		fclose(file);
	return count;
}

static uint64_t
beyond(uint64_t value, uint64_t own)
{
	return value > own ? value - own : 0;
}

struct budget
budget_of_process(uint64_t guest_bytes)
{
	const uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	return (struct budget){
		.files = beyond(base_files_raise(), OWN_FILES),
		.maps = beyond(map_count(), OWN_MAPS),
		.bytes = guest_bytes != 0 ? UINT64_MAX : memory / 4 * 3,
		.guest_bytes = guest_bytes != 0 ? guest_bytes : memory / 2,
	};
}

void
budget_set(const struct budget *budget)
{
	pthread_mutex_lock(&lock);
	all = *budget;
	memset(&used, 0, sizeof(used));
	pthread_mutex_unlock(&lock);
}

int
budget_admit(struct budget_guest *guest, unsigned int nb_vectors, struct err *err)
{
	const uint64_t files = BUDGET_FILES + nb_vectors;
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (files > all.files - used.files)
		ret = err_set(err, -EMFILE,
				"a guest with %u interrupt vectors needs %llu open files, and %llu "
				"are left: raise the limit of open files of the daemon (LimitNOFILE= of "
				"systemd, ulimit -n)",
				nb_vectors, (unsigned long long)files,
				(unsigned long long)(all.files - used.files));
	else if (BUDGET_MAPS > all.maps - used.maps)
		ret = err_set(err, -ENOSPC,
				"a guest needs %d memory maps, and %llu are left: raise %s",
				BUDGET_MAPS, (unsigned long long)(all.maps - used.maps),
				MAX_MAP_COUNT);
	if (ret == 0) {
		*guest = (struct budget_guest){ .files = files };
		used.files += files;
		used.maps += BUDGET_MAPS;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

void
budget_leave(struct budget_guest *guest)
{
	pthread_mutex_lock(&lock);
	if (guest->files != 0) {
		used.files -= guest->files;
		used.maps -= guest->maps > BUDGET_MAPS ? guest->maps : BUDGET_MAPS;
		used.bytes -= guest->bytes;
	}
	memset(guest, 0, sizeof(*guest));
	pthread_mutex_unlock(&lock);
}

int
budget_map(struct budget_guest *guest, uint64_t bytes)
{
	bool extra;
	int ret = 0;

	pthread_mutex_lock(&lock);
	extra = guest->maps >= BUDGET_MAPS;
	if (guest->maps >= BUDGET_MAPS_MAX || (extra && all.maps == used.maps)) {
		ret = -ENOSPC;
	} else if (bytes > all.guest_bytes - guest->bytes || bytes > all.bytes - used.bytes) {
		ret = -ENOMEM;
	} else {
		guest->maps++;
		guest->bytes += bytes;
		used.maps += extra;
		used.bytes += bytes;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

void
budget_unmap(struct budget_guest *guest, uint64_t bytes)
{
	pthread_mutex_lock(&lock);
	used.maps -= guest->maps > BUDGET_MAPS;
	used.bytes -= bytes;
	guest->maps--;
	guest->bytes -= bytes;
	pthread_mutex_unlock(&lock);
}

int
budget_share(struct budget_guest *guest, uint64_t bytes, struct err *err)
{
	uint64_t left;
	int ret = 0;

	pthread_mutex_lock(&lock);
	left = all.bytes - (used.bytes - guest->bytes);
	if (bytes > all.guest_bytes) {
		ret = err_set(err, -ENOMEM,
				"a guest may have %" PRIu64
				" MiB of memory, this one shares %" PRIu64
				" MiB: start vsr-bridge with a higher --guest-memory",
				all.guest_bytes >> 20, bytes >> 20);
	} else if (bytes > left) {
		ret = err_set(err, -ENOMEM,
				"all guests together may have %" PRIu64
				" MiB of memory, of which %" PRIu64 " MiB are left",
				all.bytes >> 20, left >> 20);
	} else {
		used.bytes += bytes - guest->bytes;
		guest->bytes = bytes;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

uint64_t
budget_bytes(void)
{
	uint64_t bytes;

	pthread_mutex_lock(&lock);
	bytes = used.bytes;
	pthread_mutex_unlock(&lock);
	return bytes;
}
