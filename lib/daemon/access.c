/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Who may connect to a socket, as users write it, and where users may have sockets. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_number.h"
#include "base/base_path.h"

#include "access.h"

/* The highest numbers mean "no user" and "no group". */
#define ID_MAX (UINT32_MAX - 1)

static bool
find_user(const char *text, uid_t *uid)
{
	struct passwd entry, *found = NULL;
	char buf[4096];
	uint64_t id;

	if (base_number_parse(text, ID_MAX, &id) == 0) {
		*uid = (uid_t)id;
		return true;
	}
	if (getpwnam_r(text, &entry, buf, sizeof(buf), &found) != 0 || found == NULL)
		return false;
	*uid = found->pw_uid;
	return true;
}

static bool
find_group(const char *text, gid_t *gid)
{
	struct group entry, *found = NULL;
	char buf[16384]; /* with the names of its members */
	uint64_t id;

	if (base_number_parse(text, ID_MAX, &id) == 0) {
		*gid = (gid_t)id;
		return true;
	}
	if (getgrnam_r(text, &entry, buf, sizeof(buf), &found) != 0 || found == NULL)
		return false;
	*gid = found->gr_gid;
	return true;
}

int
access_parse(const char *owner, const char *group, const char *mode, struct base_access *access,
		struct err *err)
{
	uint64_t bits;

	if (owner != NULL && !find_user(owner, &access->uid))
		return err_set(err, -EINVAL, "there is no user \"%.64s\"", owner);
	if (group != NULL && !find_group(group, &access->gid))
		return err_set(err, -EINVAL, "there is no group \"%.64s\"", group);
	if (mode != NULL) {
		if (base_number_parse_octal(mode, 0777, &bits) != 0)
			return err_set(err, -EINVAL,
					"\"%.64s\" is no mode of a socket, such as 0660", mode);
		access->mode = (mode_t)bits;
	}
	return 0;
}

int
access_place(const char *asked, uid_t uid, int *folder, char *path, struct err *err)
{
	char name_of_folder[PATH_MAX];
	const char *name;
	struct stat st;
	int ret;

	*folder = -1;
	snprintf(path, PATH_MAX, "%s", asked);
	if (uid == 0 || uid == geteuid())
		return 0;
	ret = base_path_split(asked, name_of_folder, sizeof(name_of_folder), &name);
	if (ret != 0)
		return err_set(err, ret, "%s names no socket", asked);
	*folder = open(name_of_folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*folder < 0 || fstat(*folder, &st) != 0)
		return err_set(err, -errno, "cannot open the folder of %s: %s", asked,
				strerror(errno));
	if (st.st_uid != uid)
		return err_set(err, -EPERM,
				"user %u may have sockets only in its own folders, and %s belongs to "
				"user %u",
				uid, name_of_folder, st.st_uid);
	snprintf(path, PATH_MAX, "/proc/self/fd/%d/%s", *folder, name);
	return 0;
}
