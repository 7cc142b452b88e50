/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrd as the owner behind a VF that is shown with legacy registers. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_hex.h"
#include "daemon/rpc_client.h"

#include "owner_link.h"

/* vsrd answers earlier: it waits 2 s for others on the same PF, and 5 s for a command. */
#define CALL_MS 10000
#define AWAY_MS 2000 /* vsrd-keeper and systemd start the next vsrd in about a second. */
#define RETRY_MS 20
/* vsrd has 64 places for clients: the others are for people, and for news. */
#define CALLS_MAX 48
#define MAX_LEN 8 /* Bytes of a register. */

static sem_t places;
static pthread_once_t places_once = PTHREAD_ONCE_INIT;

static void
places_init(void)
{
	sem_init(&places, 0, CALLS_MAX);
}

/* ---------------------------------------------------------------- one call */

/* Why vsrd has not served a call at all. */
enum lost { SERVED, FULL, AWAY };

/* The name of the error of an answer; NULL: none. */
static const char *
error_name(const json_t *answer)
{
	const json_t *data = json_object_get(json_object_get(answer, "error"), "data");

	return json_string_value(json_object_get(data, "errno"));
}

static enum lost
lost(const json_t *answer, int ret)
{
	const char *name = error_name(answer);

	if (answer == NULL)
		return ret == -ETIMEDOUT || ret == -EPROTO || ret == -EMSGSIZE ? SERVED : AWAY;
	if (name == NULL)
		return SERVED;
	return strcmp(name, "EUSERS") == 0 ? FULL : strcmp(name, "ECANCELED") == 0 ? AWAY : SERVED;
}

/* @return the answer, or NULL with *ret. */
static json_t *
call_once(const struct owner_link *link, const char *method, json_t *params, long long end,
		int *ret)
{
	long long left = end - base_now_ms();
	const struct timespec until = base_deadline((unsigned int)(left > 0 ? left : 0));
	json_t *answer;

	if (left <= 0 || sem_clockwait(&places, CLOCK_MONOTONIC, &until) != 0) {
		*ret = -ETIMEDOUT;
		return NULL;
	}
	left = end - base_now_ms();
	answer = rpc_client_call(link->path, method, json_incref(params),
			(int)(left > 0 ? left : 0), ret);
	sem_post(&places);
	return answer;
}

/* @return the answer, or NULL with *ret: there is none in time. */
static json_t *
call_until_served(struct owner_link *link, const char *method, json_t *params, int *ret)
{
	const long long start = base_now_ms();
	json_t *answer;
	enum lost why;

	pthread_once(&places_once, places_init);
	for (;;) {
		answer = call_once(link, method, params, start + CALL_MS, ret);
		why = lost(answer, *ret);
		if (why == SERVED || *link->stop ||
				base_now_ms() - start >= (why == FULL ? CALL_MS : AWAY_MS) ||
				(why == AWAY && link->away))
			break;
		json_decref(answer);
		poll(NULL, 0, RETRY_MS);
	}
	link->away = why == AWAY;
	return answer;
}

static int
error_of(const json_t *answer)
{
	const char *name = error_name(answer);

	if (name != NULL && strcmp(name, "EINVAL") == 0)
		return -EINVAL;
	return name != NULL && strcmp(name, "EOPNOTSUPP") == 0 ? -EOPNOTSUPP : -EIO;
}

/* @param params  Its reference is taken. @return the result, a new reference, or NULL with *ret. */
static json_t *
call(struct owner_link *link, const char *method, json_t *params, int *ret)
{
	json_t *answer = params != NULL ? call_until_served(link, method, params, ret) : NULL;
	json_t *result = json_incref(json_object_get(answer, "result"));

	if (params == NULL)
		*ret = -ENOMEM;
	else if (answer != NULL)
		*ret = result != NULL ? 0 : error_of(answer);
	json_decref(answer);
	json_decref(params);
	return result;
}

/* ---------------------------------------------------------------- commands */

static const char *
area_name(enum vio_legacy_area area)
{
	return area == VIO_LEGACY_COMMON ? "common" : "net";
}

static int
op_read(void *owner, uint16_t vf, enum vio_legacy_area area, uint8_t offset, void *data, size_t len)
{
	struct owner_link *link = owner;
	uint8_t bytes[MAX_LEN];
	const char *hex;
	json_t *result;
	int ret;

	result = call(link, "legacy.read",
			json_pack("{s:s, s:i, s:s, s:i, s:i, s:b}", "pf", link->pf, "vf", vf,
					"area", area_name(area), "offset", offset, "len", (int)len,
					"guest", 1),
			&ret);
	hex = json_string_value(json_object_get(result, "data"));
	if (ret == 0 && (hex == NULL || base_hex_parse(hex, bytes, sizeof(bytes)) != (int)len))
		ret = -EPROTO;
	if (ret == 0)
		memcpy(data, bytes, len);
	json_decref(result);
	return ret;
}

static int
op_write(void *owner, uint16_t vf, enum vio_legacy_area area, uint8_t offset, const void *data,
		size_t len)
{
	struct owner_link *link = owner;
	char hex[2 * MAX_LEN + 1];
	int ret;

	if (len > MAX_LEN)
		return -EINVAL;
	base_hex_format(data, len, hex);
	json_decref(call(link, "legacy.write",
			json_pack("{s:s, s:i, s:s, s:i, s:s, s:b}", "pf", link->pf, "vf", vf,
					"area", area_name(area), "offset", offset, "data", hex,
					"guest", 1),
			&ret));
	return ret;
}

/* @return whether the result names a doorbell. */
static bool
doorbell_of(json_t *one, struct vio_admin_doorbell *doorbell)
{
	json_int_t bar = -1, offset = -1;
	const char *of = "";

	json_unpack(one, "{s:s, s:I, s:I}", "of", &of, "bar", &bar, "offset", &offset);
	*doorbell = (struct vio_admin_doorbell){ .member = strcmp(of, "vf") == 0,
		.bar = (uint8_t)bar,
		.offset = (uint64_t)offset };
	return bar >= 0 && bar <= UINT8_MAX && offset >= 0;
}

static int
op_notify_info(void *owner, uint16_t vf, struct vio_admin_doorbell out[VIRTIO_ADMIN_NOTIFY_ENTRIES])
{
	struct owner_link *link = owner;
	json_t *result, *one;
	size_t i;
	int ret, nb = 0;

	result = call(link, "legacy.notify_info",
			json_pack("{s:s, s:i, s:b}", "pf", link->pf, "vf", vf, "guest", 1), &ret);
	json_array_foreach(json_object_get(result, "doorbells"), i,
			one) if (nb < VIRTIO_ADMIN_NOTIFY_ENTRIES && doorbell_of(one, &out[nb]))
			nb++;
	json_decref(result);
	return ret == 0 ? nb : ret;
}

const struct vpci_legacy_ops owner_link_ops = {
	.read = op_read,
	.write = op_write,
	.notify_info = op_notify_info,
};
