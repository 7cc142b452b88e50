/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* VF tokens: which programs may open a VF, or a PF whose VFs are in use. */

#include <errno.h>
#include <string.h>

#include "base/base_uuid.h"
#include "host_files.h"
#include "host_token.h"

#define TOKEN_ARG "vf_token="

void
host_token_new(uint8_t token[16])
{
	if (base_uuid_make(token) != 0)
		host_log("host", "cannot get random numbers for a VF token");
}

static bool
token_users(struct host *host, const struct host_fn *pf)
{
	for (struct host_fn *vf = NULL; (vf = host_next_vf(host, pf, vf)) != NULL;)
		if (vf->driver == HOST_DRIVER_VFIO_PCI && host_fn_in_use(host, vf))
			return true;
	return false;
}

/* As vfio_pci_validate_vf_token(). token: NULL when the program gave none. */
static int
token_validate(struct host *host, struct host_fn *fn, const uint8_t *token)
{
	const char *err = NULL;
	int ret = 0;

	if (fn->pf != NULL && fn->pf->driver == HOST_DRIVER_VFIO_PCI) {
		if (token == NULL)
			err = "VF token required to access device", ret = -EACCES;
		else if (memcmp(token, fn->pf->vf_token, 16) != 0)
			err = "incorrect VF token provided for device", ret = -EACCES;
	} else if (fn->pf != NULL) {
		if (token != NULL)
			err = "VF token incorrectly provided, PF not bound to vfio-pci",
			ret = -EINVAL;
	} else if (fn->sriov_cap != 0) {
		if (!token_users(host, fn)) {
			if (token != NULL)
				memcpy(fn->vf_token, token, 16);
		} else if (token == NULL) {
			err = "VF token required to access device", ret = -EACCES;
		} else if (memcmp(token, fn->vf_token, 16) != 0) {
			err = "incorrect VF token provided for device", ret = -EACCES;
		}
	} else if (token != NULL) {
		err = "VF token incorrectly provided, not a PF or VF", ret = -EINVAL;
	}
	if (err != NULL)
		host_log(fn->bdf, "%s", err);
	return ret;
}

int
host_token_check(struct host *host, struct host_fn *fn, const char *name)
{
	const size_t len = strlen(fn->bdf);
	uint8_t token[16];
	bool given = false;

	if (strncmp(name, fn->bdf, len) != 0 || (name[len] != '\0' && name[len] != ' '))
		return -ENODEV;
	for (name += len; *name != '\0';) {
		if (*name == ' ') {
			name++;
			continue;
		}
		if (given || strncmp(name, TOKEN_ARG, strlen(TOKEN_ARG)) != 0)
			return -EINVAL;
		name += strlen(TOKEN_ARG);
		if (base_uuid_parse(name, token) != 0)
			return -EINVAL;
		given = true;
		name += BASE_UUID_LEN;
	}
	return token_validate(host, fn, given ? token : NULL);
}
