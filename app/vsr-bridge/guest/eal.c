/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* DPDK's environment in this process. */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_uuid.h>

#include "base/base_clock.h"
#include "daemon/log.h"

#include "eal.h"

/* Opening a device changes lists of EAL without a lock. */
static pthread_mutex_t devices = PTHREAD_MUTEX_INITIALIZER;
/* The last error line of this thread: why a device could not be opened. */
static _Thread_local char last_error[256];
static struct base_log_limit limit;
/* Of the VF that is being opened; with the lock. */
static rte_uuid_t vf_token;

/* ---------------------------------------------------------------- the log */

/* EAL's stream is a file: each write is one message or a part of one. */
static ssize_t
log_write(void *cookie, const char *buf, size_t len)
{
	char line[sizeof(last_error)];
	size_t nb = len < sizeof(line) - 1 ? len : sizeof(line) - 1;

	memcpy(line, buf, nb);
	while (nb != 0 && (line[nb - 1] == '\n' || line[nb - 1] == ' '))
		nb--;
	line[nb] = '\0';
	if (nb == 0)
		return (ssize_t)len;
	if (rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR)
		snprintf(last_error, sizeof(last_error), "%s", line);
	/* A guest can cause lines of rte_vhost. */
	log_limited(&limit, "%s", line);
	return (ssize_t)len;
}

static int
log_start(struct err *err)
{
	static const cookie_io_functions_t io = { .write = log_write };
	FILE *stream = fopencookie(NULL, "w", io);

	if (stream == NULL || setvbuf(stream, NULL, _IOLBF, 0) != 0)
		return err_set(err, -ENOMEM, "out of memory");
	rte_openlog_stream(stream);
	return 0;
}

/* ---------------------------------------------------------------- start */

/* Lcore 0 may run on each processor that this process may use; the threads of DPDK inherit that. */
static void
describe_lcores(const cpu_set_t *cpus, char *text, size_t size)
{
	size_t len = (size_t)snprintf(text, size, "0@(");
	const char *comma = "";

	for (int i = 0; i < CPU_SETSIZE && len + 8 < size; i++) {
		if (!CPU_ISSET(i, cpus))
			continue;
		len += (size_t)snprintf(text + len, size - len, "%s%d", comma, i);
		comma = ",";
	}
	snprintf(text + len, size - len, ")");
}

int
eal_start(unsigned int memory_mib, struct err *err)
{
	char lcores[4096], memory[16];
	cpu_set_t cpus;
	int ret = log_start(err);

	if (ret != 0)
		return ret;
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	describe_lcores(&cpus, lcores, sizeof(lcores));
	snprintf(memory, sizeof(memory), "%u", memory_mib);
	/* No device has this address: the bus is there, and devices come when guests do. EAL keeps
	 * pointers into these words. */
	char *args[] = { strdup("vsr-bridge"), strdup("--no-huge"), strdup("--no-shconf"),
		strdup("--no-telemetry"), strdup("--iova-mode=va"), strdup("-m"), strdup(memory),
		strdup("--lcores"), strdup(lcores), strdup("-a"), strdup("ffff:ff:1f.7"),
		strdup("--log-level=lib.eal:error"), strdup("--log-level=lib.vhost.*:critical"),
		NULL };
	const int nb = sizeof(args) / sizeof(args[0]) - 1;

	ret = rte_eal_init(nb, args);
	/* rte_eal_init() binds the calling thread to processors: undo that. */
	sched_setaffinity(0, sizeof(cpus), &cpus);
	return ret >= 0 ? 0 :
			  err_set(err, -rte_errno, "cannot start DPDK's EAL: %s (%s)",
					  rte_strerror(rte_errno), last_error);
}

/* ---------------------------------------------------------------- VFs */

/* EAL knows one token (--vfio-vf-token), but each PF has a token of its own. EAL asks this function
 * of its library when it opens a VF, and the linker prefers the function of the program. */
void
rte_eal_vfio_get_vf_token(rte_uuid_t token)
{
	rte_uuid_copy(token, vf_token);
}

static int
enter(struct err *err)
{
	const struct timespec end = base_deadline(EAL_WAIT_MS);

	last_error[0] = '\0';
	if (pthread_mutex_clocklock(&devices, CLOCK_MONOTONIC, &end) == 0)
		return 0;
	return err_set(err, -EBUSY, "another VF is being opened or closed for more than %d s",
			EAL_WAIT_MS / 1000);
}

const char *
eal_reason(int ret)
{
	const char *at = last_error, *bdf = strstr(at, ": ");

	if (at[0] == '\0')
		return strerror(-ret);
	if (strncmp(at, "vdpa_vsr: ", 10) == 0 || strncmp(at, "net_vsr: ", 9) == 0)
		at = strstr(bdf + 2, ": ") != NULL ? strstr(bdf + 2, ": ") + 2 : bdf + 2;
	return at;
}

/* To find a device, EAL reads some ten files of each device that it may use, also of those that it
 * has open: with many guests, each VF would take longer than the one before. An open VF needs no
 * search. To open a VF again means to allow its use again. */
static void
leave_out_of_searches(const char *bdf)
{
	for (struct rte_devargs *args = rte_devargs_next("pci", NULL); args != NULL;
			args = rte_devargs_next("pci", args))
		if (strcmp(args->name, bdf) == 0)
			args->policy = RTE_DEV_BLOCKED;
}

int
eal_vf_open(const char *bdf, const char *token, const char *devargs, struct err *err)
{
	int ret = enter(err);

	if (ret != 0)
		return ret;
	ret = rte_uuid_parse(token, vf_token) == 0 ? rte_eal_hotplug_add("pci", bdf, devargs) :
						     -EPROTO;
	memset(vf_token, 0, sizeof(vf_token));
	if (ret != 0)
		err_set(err, ret, "cannot open %s: %s", bdf, eal_reason(ret));
	else
		leave_out_of_searches(bdf);
	pthread_mutex_unlock(&devices);
	return ret;
}

int
eal_vf_close(const char *bdf, struct err *err)
{
	int ret = enter(err);

	if (ret != 0)
		return ret;
	ret = rte_eal_hotplug_remove("pci", bdf);
	if (ret != 0)
		err_set(err, ret, "cannot close %s: %s", bdf, eal_reason(ret));
	pthread_mutex_unlock(&devices);
	return ret;
}
