/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* What a guest was asked to get, and the file that keeps these wishes. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_hex.h"
#include "base/base_path.h"

#include "conf.h"

#define VERSION 2 /* 1: all guests are on vhost-user. */
#define MAX_FILE (4 * 1024 * 1024)
#define MAX_VF 65535

static const char *const kinds[GUEST_NB_KINDS] = { "vhost-user", "vfio-user" };
const char *const guest_mode_names[GUEST_NB_MODES] = { "direct", "relay", "copy" };

/* ---------------------------------------------------------------- JSON */

static int
parse_mac(struct guest_conf *conf, const char *text, struct err *err)
{
	uint8_t bytes[6];
	char hex[13];
	size_t len = 0;

	for (size_t i = 0; text[i] != '\0'; i++) {
		if (i % 3 == 2 ? text[i] != ':' : len == 12)
			len = sizeof(hex);
		if (len == sizeof(hex))
			break;
		if (i % 3 != 2)
			hex[len++] = text[i];
	}
	if (len == 12)
		hex[12] = '\0';
	if (len != 12 || strlen(text) != 17 || base_hex_parse(hex, bytes, sizeof(bytes)) != 6 ||
			(bytes[0] & 1) != 0)
		return err_set(err, -EINVAL,
				"\"%.32s\" is no MAC address of a device, such as "
				"52:54:00:12:34:56",
				text);
	snprintf(conf->mac, sizeof(conf->mac), "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1],
			bytes[2], bytes[3], bytes[4], bytes[5]);
	return 0;
}

/* @return the place of a word among nb, or -1. */
static int
one_of(const char *word, const char *const words[], int nb)
{
	for (int i = 0; i < nb; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	return -1;
}

static int
parse_words(struct guest_conf *conf, const char *role, const char *mode, const char *doorbell,
		struct err *err)
{
	static const char *const roles[] = { "client", "server" };
	static const char *const doorbells[] = { "relayed", "mapped" };
	const int a = one_of(role, roles, 2);
	const int b = one_of(mode, guest_mode_names, GUEST_NB_MODES);
	const int c = one_of(doorbell, doorbells, 2);

	if (a < 0)
		return err_set(err, -EINVAL, "the role is server or client, not \"%.32s\"", role);
	if (b < 0)
		return err_set(err, -EINVAL, "the mode is direct, relay or copy, not \"%.32s\"",
				mode);
	if (c < 0)
		return err_set(err, -EINVAL, "the doorbell is relayed or mapped, not \"%.32s\"",
				doorbell);
	conf->server = a == 1;
	conf->mode = b;
	conf->doorbell_mapped = c == 1;
	return 0;
}

static int
parse_access(struct guest_conf *conf, json_t *access, struct err *err)
{
	json_int_t uid = -1, gid = -1, mode = 0600;

	conf->access = *BASE_ACCESS_OWN;
	if (access == NULL)
		return 0;
	if (json_unpack_ex(access, NULL, JSON_STRICT, "{s:I, s:I, s:I}", "uid", &uid, "gid", &gid,
			    "mode", &mode) != 0 ||
			uid < -1 || uid > UINT32_MAX || gid < -1 || gid > UINT32_MAX || mode < 0 ||
			mode > 0777)
		return err_set(err, -EINVAL, "the access of a socket has uid, gid and mode");
	conf->access = (struct base_access){ (uid_t)uid, (gid_t)gid, (mode_t)mode };
	return 0;
}

#define COMMON "s:o, s:o, s:o, s?o, s?o, s?o"
#define COMMON_WORDS \
	"pf", &any, "vf", &any, "socket", &any, "kind", &any, "uid", &any, "access", &any

static int
parse_vhost(struct guest_conf *conf, json_t *json, struct err *err)
{
	const char *role = "server", *mac = "", *mode = "direct", *doorbell = "relayed";
	json_int_t pairs = 1;
	json_error_t error;
	json_t *any;
	int ret;

	if (json_unpack_ex(json, &error, JSON_STRICT, "{" COMMON ", s?s, s?I, s?s, s?s, s?s}",
			    COMMON_WORDS, "role", &role, "queues", &pairs, "mac", &mac, "mode",
			    &mode, "doorbell", &doorbell) != 0)
		return err_set(err, -EINVAL, "invalid parameters: %s", error.text);
	if (pairs < 1 || pairs > CONF_MAX_PAIRS)
		return err_set(err, -EINVAL, "a guest has 1 to %d queue pairs, not %lld",
				CONF_MAX_PAIRS, (long long)pairs);
	conf->pairs = (unsigned int)pairs;
	ret = mac[0] != '\0' ? parse_mac(conf, mac, err) : 0;
	if (ret == 0)
		ret = parse_words(conf, role, mode, doorbell, err);
	if (ret == 0 && conf->doorbell_mapped && conf->mode != GUEST_DIRECT)
		ret = err_set(err, -EINVAL, "a mapped doorbell goes with the mode direct only");
	return ret;
}

static int
parse_vfio(struct guest_conf *conf, json_t *json, struct err *err)
{
	const char *variant = "auto";
	json_error_t error;
	json_t *any;

	if (json_unpack_ex(json, &error, JSON_STRICT, "{" COMMON ", s?s}", COMMON_WORDS, "variant",
			    &variant) != 0)
		return err_set(err, -EINVAL, "invalid parameters: %s", error.text);
	conf->server = true;
	conf->variant = variant_find(variant, err);
	return conf->variant != NULL ? 0 : -EINVAL;
}

int
conf_parse(struct guest_conf *conf, json_t *json, struct err *err)
{
	const char *pf, *socket, *kind = kinds[GUEST_VHOST_USER];
	json_int_t vf, uid = 0;
	char clean[PATH_MAX];
	json_t *access = NULL;
	json_error_t error;
	int ret;

	memset(conf, 0, sizeof(*conf));
	if (json_unpack_ex(json, &error, 0, "{s:s, s:I, s:s, s?s, s?I, s?o}", "pf", &pf, "vf", &vf,
			    "socket", &socket, "kind", &kind, "uid", &uid, "access", &access) != 0)
		return err_set(err, -EINVAL, "invalid parameters: %s", error.text);
	if (base_bdf_expand(pf, conf->pf) != 0)
		return err_set(err, -EINVAL, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				pf);
	if (vf < 1 || vf > MAX_VF)
		return err_set(err, -EINVAL, "there is no VF %lld: VFs are numbered from 1",
				(long long)vf);
	if (socket[0] != '/')
		return err_set(err, -EINVAL, "the path of the socket must begin with \"/\"");
	base_text_clean(clean, sizeof(clean), socket);
	if (strcmp(clean, socket) != 0)
		return err_set(err, -EINVAL, "the path of the socket \"%s\" is no printable text",
				socket);
	if (strlen(socket) >= sizeof(conf->socket))
		return err_set(err, -EINVAL, "the path of the socket has more than %zu characters",
				sizeof(conf->socket) - 1);
	if (uid < 0 || uid > UINT32_MAX)
		return err_set(err, -EINVAL, "there is no user %lld", (long long)uid);
	conf->vf = (unsigned int)vf;
	conf->uid = (uid_t)uid;
	strcpy(conf->socket, socket);
	ret = parse_access(conf, access, err);
	if (ret != 0)
		return ret;
	if (one_of(kind, kinds, GUEST_NB_KINDS) < 0)
		return err_set(err, -EINVAL, "the kind is vhost-user or vfio-user, not \"%.32s\"",
				kind);
	conf->kind = one_of(kind, kinds, GUEST_NB_KINDS);
	return conf->kind == GUEST_VHOST_USER ? parse_vhost(conf, json, err) :
						parse_vfio(conf, json, err);
}

static json_int_t
id_of(uint32_t id)
{
	return id == UINT32_MAX ? -1 : (json_int_t)id;
}

json_t *
conf_json(const struct guest_conf *conf)
{
	json_t *out = json_pack("{s:s, s:i, s:s, s:s, s:I, s:{s:I, s:I, s:i}}", "pf", conf->pf,
			"vf", (int)conf->vf, "kind", kinds[conf->kind], "socket", conf->socket,
			"uid", (json_int_t)conf->uid, "access", "uid", id_of(conf->access.uid),
			"gid", id_of(conf->access.gid), "mode", (int)conf->access.mode);
	json_t *more = conf->kind == GUEST_VHOST_USER ?
			json_pack("{s:s, s:i, s:s, s:s, s:s}", "role",
					conf->server ? "server" : "client", "queues",
					(int)conf->pairs, "mac", conf->mac, "mode",
					guest_mode_names[conf->mode], "doorbell",
					conf->doorbell_mapped ? "mapped" : "relayed") :
			json_pack("{s:s}", "variant", conf->variant->name);

	json_object_update(out, more);
	json_decref(more);
	return out;
}

/* ---------------------------------------------------------------- the file */

/* Read a file of this user, whole. @return text to free(), or NULL with *ret; 0: there is none. */
static char *
read_file(const char *path, size_t *len, int *ret, struct err *err)
{
	char folder[PATH_MAX], *text = NULL;
	const char *name;
	struct stat st;
	int dir, fd;

	*ret = base_path_split(path, folder, sizeof(folder), &name);
	dir = *ret == 0 ? base_folder_open(folder, false) : *ret;
	fd = dir >= 0 ? base_file_open(dir, name) : dir;
	if (dir >= 0)
		close(dir);
	if (fd < 0) {
		*ret = fd == -ENOENT ? 0 :
				       err_set(err, fd, "cannot read the state file %s: %s", path,
						       base_path_error(fd));
		return NULL;
	}
	if (fstat(fd, &st) == 0 && st.st_size <= MAX_FILE)
		text = malloc((size_t)st.st_size + 1);
	*ret = -EIO;
	if (text != NULL) {
		const ssize_t n = read(fd, text, (size_t)st.st_size);

		*len = n > 0 ? (size_t)n : 0;
		*ret = n == st.st_size ? 0 : -EIO;
	}
	close(fd);
	if (*ret == 0)
		return text;
	free(text);
	err_set(err, *ret, "cannot read the state file %s", path);
	return NULL;
}

static int
parse_guests(json_t *guests, struct guest_conf *confs, struct err *why)
{
	struct err err;
	json_t *one;
	size_t i;

	if (!json_is_array(guests) || json_array_size(guests) > GUESTS_MAX)
		return err_set(why, -EINVAL, "it has no list of at most %d guests", GUESTS_MAX);
	json_array_foreach(guests, i, one)
	{
		if (conf_parse(&confs[i], one, &err) != 0)
			return err_set(why, -EINVAL, "guest %zu: %s", i + 1, err.text);
		for (size_t j = 0; j < i; j++)
			if (strcmp(confs[i].socket, confs[j].socket) == 0 ||
					(confs[i].vf == confs[j].vf &&
							strcmp(confs[i].pf, confs[j].pf) == 0))
				return err_set(why, -EINVAL,
						"guests %zu and %zu have the same VF "
						"or socket",
						j + 1, i + 1);
	}
	return (int)json_array_size(guests);
}

/* @return number of guests, -EPROTO: a newer version wrote it, -EINVAL: it is damaged. */
static int
parse_file(const char *text, size_t len, struct guest_conf *confs, struct err *why)
{
	json_error_t error;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error), *guests = NULL;
	json_int_t version = 0;
	int ret;

	if (json == NULL)
		ret = err_set(why, -EINVAL, "%s", error.text);
	else if (json_unpack(json, "{s:I}", "version", &version) != 0)
		ret = err_set(why, -EINVAL, "it has no version");
	else if (version > VERSION)
		ret = -EPROTO;
	else if (json_unpack(json, "{s:o}", "guests", &guests) != 0)
		ret = err_set(why, -EINVAL, "it has no guests");
	else
		ret = parse_guests(guests, confs, why);
	json_decref(json);
	return ret;
}

int
conf_load(const char *path, struct guest_conf *confs, struct err *why, struct err *err)
{
	char aside[PATH_MAX];
	struct err text_err;
	size_t len = 0;
	int ret;
	char *text = read_file(path, &len, &ret, err);

	why->text[0] = '\0';
	if (text == NULL)
		return ret;
	ret = parse_file(text, len, confs, &text_err);
	free(text);
	if (ret == -EPROTO)
		return err_set(err, ret,
				"the state file %s was written by a newer vsr-bridge: start that one, or "
				"name another file with --state",
				path);
	if (ret >= 0)
		return ret;
	if (snprintf(aside, sizeof(aside), "%s.damaged", path) >= (int)sizeof(aside) ||
			rename(path, aside) != 0)
		return err_set(err, -EIO, "the state file %s is damaged, and cannot be renamed: %s",
				path, text_err.text);
	err_set(why, 0, "the state file was damaged (%s): it is kept as %s, and no guest is served",
			text_err.text, aside);
	return 0;
}

/* Write all of a text. @return 0 or -errno. */
static int
write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len != 0) {
		const ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

static int
replace_file(const char *path, const char *text)
{
	char folder[PATH_MAX], temp[NAME_MAX + 1];
	const char *name;
	int ret = base_path_split(path, folder, sizeof(folder), &name), dir, fd;

	if (ret != 0)
		return ret;
	if (snprintf(temp, sizeof(temp), "%s.new", name) >= (int)sizeof(temp))
		return -ENAMETOOLONG;
	dir = base_folder_open(folder, true);
	if (dir < 0)
		return dir;
	unlinkat(dir, temp, 0);
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ret = fd < 0 ? -errno : write_all(fd, text);
	if (fd >= 0)
		close(fd);
	if (ret == 0 && renameat(dir, temp, dir, name) != 0)
		ret = -errno;
	if (ret == 0)
		fsync(dir);
	else if (fd >= 0)
		unlinkat(dir, temp, 0);
	close(dir);
	return ret;
}

int
conf_store(const char *path, const struct guest_conf *confs, unsigned int nb, struct err *err)
{
	json_t *list = json_array(), *json;
	char *text;
	int ret;

	for (unsigned int i = 0; i < nb; i++)
		json_array_append_new(list, conf_json(&confs[i]));
	json = json_pack("{s:i, s:o}", "version", VERSION, "guests", list);
	text = json != NULL ? json_dumps(json, JSON_INDENT(2)) : NULL;
	json_decref(json);
	ret = text != NULL ? replace_file(path, text) : -ENOMEM;
	free(text);
	return ret == 0 ? 0 :
			  err_set(err, ret, "cannot write the state file %s: %s", path,
					  strerror(-ret));
}
