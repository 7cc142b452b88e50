/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
/* VF tokens: who may open a VF, or its PF. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "host_files.h"
#include "host_token.h"

#define UUID_LEN 36
#define TOKEN_ARG "vf_token="

void
host_token_new(uint8_t token[16])
{
	/* Never blocks once the system is up; a short answer cannot happen for 16 bytes. */
	if (getrandom(token, 16, 0) != 16)
		host_log("host", "no random numbers for a VF token");
	token[6] = (token[6] & 0x0f) | 0x40; /* RFC 4122: version 4 */
	token[8] = (token[8] & 0x3f) | 0x80; /* and variant 1. */
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
uuid_parse(const char *text, uint8_t uuid[16])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < UUID_LEN; i++) {
		int high, low;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return -EINVAL;
			continue;
		}
		high = hex_digit(text[i]);
		low = high < 0 ? -1 : hex_digit(text[i + 1]);
		if (low < 0)
			return -EINVAL;
		uuid[n++] = high << 4 | low;
		i++;
	}
	return 0;
}

static bool
token_users(struct host *host, const struct host_fn *pf)
{
	for (struct host_fn *vf = NULL; (vf = host_next_vf(host, pf, vf)) != NULL;)
		if (vf->driver == HOST_DRIVER_VFIO_PCI && host_fn_in_use(host, vf))
			return true;
	return false;
}

/* As vfio_pci_validate_vf_token(). token: NULL when none was given. */
static int
token_check(struct host *host, struct host_fn *fn, const uint8_t *token)
{
	const char *why = NULL;
	int ret = 0;

	if (fn->pf != NULL && fn->pf->driver == HOST_DRIVER_VFIO_PCI) {
		if (token == NULL)
			why = "VF token required to access device", ret = -EACCES;
		else if (memcmp(token, fn->pf->vf_token, 16) != 0)
			why = "incorrect VF token provided for device", ret = -EACCES;
	} else if (fn->pf != NULL) {
		if (token != NULL)
			why = "VF token incorrectly provided, PF not bound to vfio-pci",
			ret = -EINVAL;
	} else if (fn->sriov_cap != 0) {
		if (!token_users(host, fn)) {
			if (token != NULL)
				memcpy(fn->vf_token, token, 16);
		} else if (token == NULL) {
			why = "VF token required to access device", ret = -EACCES;
		} else if (memcmp(token, fn->vf_token, 16) != 0) {
			why = "incorrect VF token provided for device", ret = -EACCES;
		}
	} else if (token != NULL) {
		why = "VF token incorrectly provided, not a PF or VF", ret = -EINVAL;
	}
	if (why != NULL)
		host_log(fn->bdf, "%s", why);
	return ret;
}

/* As vfio_pci_core_match(): "0000:01:00.1", or with " vf_token=UUID" behind it. */
int
host_token_name_check(struct host *host, struct host_fn *fn, const char *name)
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
		if (strlen(name) < UUID_LEN || uuid_parse(name, token) != 0)
			return -EINVAL;
		given = true;
		name += UUID_LEN;
	}
	return token_check(host, fn, given ? token : NULL);
}
