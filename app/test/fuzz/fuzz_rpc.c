/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * libFuzzer target: requests of a client to vsrd. The real methods of a daemon answer each line of
 * an input. The daemon owns one PF, whose registers read as all ones. Each answer must be one line
 * of JSON that is valid for JSON-RPC 2.0.
 */

#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "vsrd/api/vsrd.h"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vsrd vsrd;

/* A log would say the same thing a million times. */
void
log_to_stderr(const char *name)
{
}

int
log_to_syslog(const char *name)
{
	return 0;
}

void
log_info(const char *fmt, ...)
{
	(void)fmt;
}
void
log_warn(const char *fmt, ...)
{
	(void)fmt;
}
void
log_limited(struct base_log_limit *limit, const char *fmt, ...)
{
	(void)limit;
	(void)fmt;
}
void
log_error(const char *fmt, ...)
{
	(void)fmt;
}
void
log_sentence(const char *sentence)
{
	(void)sentence;
}

static uint32_t
ones(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width)
{
	return UINT32_MAX >> (32 - 8 * width);
}

static void
nothing(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width,
		uint32_t value)
{
}

static const struct vio_transport_ops ops = { .read = ones, .write = nothing };

static void
own_one(void)
{
	struct owner_pf *pf = &vsrd.owner.pfs[0];

	if (pf->used)
		return;
	pf->vfio.container = pf->vfio.group = pf->vfio.device = -1;
	pf->vfio.t.ops = &ops;
	for (unsigned int i = 0; i < VIO_NB_REGIONS; i++)
		pf->vfio.t.len[i] = 4096;
	vio_dev_init(&pf->dev, &pf->vfio.t);
	pf->fn = (struct sysfs_fn){ .bdf = "0000:01:00.0",
		.vendor = 0x1af4,
		.device = 0x1041,
		.group = 1,
		.has_sriov = true,
		.total_vfs = 4,
		.num_vfs = 2 };
	strcpy(pf->bdf, pf->fn.bdf);
	strcpy(pf->token, "f81d4fae-7dec-41d0-a765-00a0c91e6bf6");
	pf->used = true;
}

static void
check_one(const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");

	CHECK(json_object_get(answer, "id") != NULL);
	CHECK((error != NULL) != (json_object_get(answer, "result") != NULL));
	CHECK(error == NULL ||
			(json_is_integer(json_object_get(error, "code")) &&
					json_is_string(json_object_get(error, "message"))));
}

static void
ask(const char *text, size_t len)
{
	struct rpc_call call = { .daemon = &vsrd };
	char *line;
	json_t *answer, *one;
	size_t i;

	own_one();
	line = rpc_answer(vsrd_methods, &call, text, len);
	if (line == NULL)
		return;
	CHECK(strchr(line, '\n') == line + strlen(line) - 1);
	answer = json_loads(line, 0, NULL);
	CHECK(answer != NULL);
	if (json_is_array(answer))
		json_array_foreach(answer, i, one) check_one(one);
	else
		check_one(answer);
	json_decref(answer);
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;

	if (!ready) {
		owner_init(&vsrd.owner);
		vsrd.owner.host.sysfs = "/nonexistent";
		vsrd.owner.host.run_dir = "/nonexistent";
		ready = true;
	}
	while (size != 0) {
		const uint8_t *end = memchr(data, '\n', size);
		const size_t len = end != NULL ? (size_t)(end - data) : size;

		ask((const char *)data, len);
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
	return 0;
}
