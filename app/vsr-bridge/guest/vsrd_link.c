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
ask(const char *path, const char *method, const char *pf, int *ret, struct err *err)
{
	json_t *answer = rpc_client_call(path, method, json_pack("{s:s}", "pf", pf), VSRD_ANSWER_MS,
			ret);
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

/* Whether the VF can be opened. */
static int
check_vf(json_t *one, const char *pf, unsigned int vf, struct vsrd_vf *out, struct err *err)
{
	const char *bdf = NULL, *driver = NULL, *name = NULL;
	json_t *users = NULL;
	json_int_t pid = 0;

	json_unpack(one, "{s:s, s?s, s?o}", "pci", &bdf, "driver", &driver, "users", &users);
	if (bdf == NULL || base_bdf_expand(bdf, out->bdf) != 0)
		return err_set(err, -EPROTO, "vsrd does not say where VF %u of %s is", vf, pf);
	if (driver == NULL || strcmp(driver, "vfio-pci") != 0)
		return err_set(err, -EBUSY, "VF %u of %s (%s) must be bound to vfio-pci, not to %s",
				vf, pf, out->bdf,
				driver != NULL && driver[0] != '\0' ? driver : "none");
	if (json_array_size(users) == 0)
		return 0;
	json_unpack(json_array_get(users, 0), "{s?I, s?s}", "pid", &pid, "name", &name);
	return err_set(err, -EBUSY, "VF %u of %s is in use by %s (process %lld)", vf, pf,
			name != NULL ? name : "another program", (long long)pid);
}

int
vsrd_find_vf(const char *path, const char *pf, unsigned int vf, struct vsrd_vf *out,
		struct err *err)
{
	const char *token = NULL;
	json_t *answer, *one, *found = NULL;
	size_t i;
	int ret = 0;

	memset(out, 0, sizeof(*out));
	answer = ask(path, "vf.show", pf, &ret, err);
	if (answer == NULL)
		return ret;
	json_array_foreach(json_object_get(answer, "vfs"), i, one)
	{
		if (json_integer_value(json_object_get(one, "vf")) == vf)
			found = one;
	}
	ret = found != NULL ? check_vf(found, pf, vf, out, err) :
			      err_set(err, -ENODEV, "%s has no VF %u: create it (vsrctl vf create)",
					      pf, vf);
	json_decref(answer);
	if (ret != 0)
		return ret;
	answer = ask(path, "token.show", pf, &ret, err);
	if (answer == NULL)
		return ret;
	json_unpack(answer, "{s:s}", "token", &token);
	if (token == NULL || strlen(token) >= sizeof(out->token))
		ret = err_set(err, -EPROTO, "vsrd has no token for %s", pf);
	else
		strcpy(out->token, token);
	json_decref(answer);
	return ret;
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
