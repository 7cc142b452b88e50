/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* What vsr-bridge asks the owner of PFs. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vsrd_link.h"

#define SUBSCRIBE_MS 2000

/* One call. @return the result, a new reference, or NULL with a sentence and *ret. */
static json_t *
ask(const char *path, const char *method, json_t *params, int *ret, struct err *err)
{
	json_t *answer = rpc_client_call(path, method, params, VSRD_ANSWER_MS, ret);
	json_t *result = json_incref(json_object_get(answer, "result"));
	const char *message = NULL, *name = NULL;

	if (answer == NULL) {
		*ret = err_set(err, -ENOTCONN,
				"vsrd does not answer on %s (%s): start it, because it has the token of "
				"the VF (systemctl start vsrd, or vsrd-keeper vsrd --pf all)",
				path, strerror(-*ret));
		return NULL;
	}
	if (result == NULL) {
		json_unpack(answer, "{s:{s:s, s?{s?s}}}", "error", "message", &message, "data",
				"errno", &name);
		*ret = err_set(err, name != NULL && strcmp(name, "ENODEV") == 0 ? -ENODEV : -EPROTO,
				"%s", message != NULL ? message : "vsrd sent a wrong answer");
	}
	json_decref(answer);
	return result;
}

int
vsrd_find_vf(const char *path, const char *pf, unsigned int vf, struct vsrd_vf *out,
		struct err *err)
{
	const char *bdf = "", *driver = "", *token = "", *legacy = "";
	json_t *answer;
	int ret = 0;

	memset(out, 0, sizeof(*out));
	answer = ask(path, "vf.find", json_pack("{s:s, s:i}", "pf", pf, "vf", (int)vf), &ret, err);
	if (answer == NULL)
		return ret;
	json_unpack(answer, "{s:s, s:s, s:s, s?s}", "pci", &bdf, "driver", &driver, "token", &token,
			"legacy_refusal", &legacy);
	err_set(&out->legacy_refusal, 0, "%s", legacy);
	if (base_bdf_expand(bdf, out->bdf) != 0 || strlen(token) >= sizeof(out->token))
		ret = err_set(err, -EPROTO, "vsrd does not say where VF %u of %s is", vf, pf);
	else if (strcmp(driver, "vfio-pci") != 0)
		ret = err_set(err, -EBUSY, "VF %u of %s (%s) must be bound to vfio-pci, not to %s",
				vf, pf, out->bdf, driver[0] != '\0' ? driver : "nothing");
	else
		strcpy(out->token, token);
	json_decref(answer);
	return ret;
}

void
vsrd_name_user(const char *path, const char *pf, unsigned int vf, struct err *err)
{
	struct err ignored;
	json_t *one;
	size_t i;
	int ret;
	json_t *answer = ask(path, "vf.show", json_pack("{s:s}", "pf", pf), &ret, &ignored);

	json_array_foreach(json_object_get(answer, "vfs"), i, one)
	{
		json_t *user = json_array_get(json_object_get(one, "users"), 0);
		const char *name = NULL;
		json_int_t pid = 0;

		if (user == NULL || json_integer_value(json_object_get(one, "vf")) != vf)
			continue;
		json_unpack(user, "{s?I, s?s}", "pid", &pid, "name", &name);
		if (pid == getpid())
			continue;
		err_set(err, -EBUSY, "VF %u of %s is in use by %s (process %lld)", vf, pf,
				name != NULL ? name : "another program", (long long)pid);
	}
	json_decref(answer);
}

/* ---------------------------------------------------------------- news */

bool
vsrd_news_open(struct vsrd_news *news, const char *path)
{
	json_t *answer = NULL;
	int ret;

	news->fd = rpc_client_open(path);
	if (news->fd < 0) {
		news->fd = -1;
		return false;
	}
	ret = rpc_client_send(news->fd, "events.subscribe", json_object());
	if (ret == 0)
		answer = rpc_client_receive(news->fd, &news->buf, SUBSCRIBE_MS, &ret);
	if (json_object_get(answer, "result") == NULL)
		vsrd_news_close(news);
	json_decref(answer);
	return news->fd >= 0;
}

bool
vsrd_news_read(struct vsrd_news *news)
{
	bool changed = false;
	json_t *line;
	int ret;

	while ((line = rpc_client_receive(news->fd, &news->buf, 0, &ret)) != NULL) {
		const char *type = NULL;

		json_unpack(line, "{s:{s:s}}", "params", "type", &type);
		changed = changed ||
				(type != NULL &&
						(strncmp(type, "vf_", 3) == 0 ||
								strncmp(type, "pf_", 3) == 0));
		json_decref(line);
	}
	if (ret != -ETIMEDOUT) {
		vsrd_news_close(news);
		changed = true;
	}
	return changed;
}

void
vsrd_news_close(struct vsrd_news *news)
{
	if (news->fd >= 0)
		close(news->fd);
	news->fd = -1;
	free(news->buf.text);
	memset(&news->buf, 0, sizeof(news->buf));
}
