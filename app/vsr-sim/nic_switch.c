/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Switches of the NIC by name: faults, leniencies, alternatives. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "nic_priv.h"

#define AT(member) \
	offsetof(struct vsim_nic_conf, member), sizeof(((struct vsim_nic_conf *)0)->member)

static const struct nic_switch_row {
	enum nic_switch kind;
	const char *name;
	size_t offset, width; /* Of the member; width 1: a switch without a number. */
	uint64_t max; /* Largest N of NAME=N; 0: no number. */
} rows[] = {
	{ NIC_FAULT, "refuse-features-ok", AT(fault.refuse_features_ok), 0 },
	{ NIC_FAULT, "stray-sr-iov", AT(fault.stray_sr_iov), 0 },
	{ NIC_FAULT, "slow-reset", AT(fault.reset_us), 60000000 },
	{ NIC_FAULT, "admin-eagain", AT(fault.admin_eagain), UINT32_MAX },
	{ NIC_FAULT, "admin-lose", AT(fault.admin_lose), UINT32_MAX },
	{ NIC_FAULT, "admin-delay", AT(fault.admin_delay_us), 60000000 },
	{ NIC_FAULT, "admin-status", AT(fault.admin_status), UINT16_MAX },
	{ NIC_FAULT, "admin-short", AT(fault.admin_short), UINT16_MAX },
	{ NIC_FAULT, "admin-opcodes", AT(fault.admin_opcodes), UINT64_MAX },
	{ NIC_FAULT, "admin-notify", AT(fault.notify), VSIM_NOTIFY_NB - 1 },
	{ NIC_LENIENT, "early-lists", AT(lenient.early_lists), 0 },
	{ NIC_LENIENT, "unlisted-caps", AT(lenient.unlisted_caps), 0 },
	{ NIC_LENIENT, "swapped-objs", AT(lenient.swapped_objs), 0 },
	{ NIC_ALT, "window", AT(legacy_alt.window), 0 },
	{ NIC_ALT, "pair", AT(legacy_alt.pair), 0 },
};
#define NB_ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const kinds[] = {
	[NIC_FAULT] = "fault",
	[NIC_LENIENT] = "leniency",
	[NIC_ALT] = "alternative",
};

static const struct nic_switch_row *
find(enum nic_switch kind, const char *name, size_t len)
{
	for (size_t i = 0; i < NB_ROWS; i++)
		if (rows[i].kind == kind && strlen(rows[i].name) == len &&
				memcmp(rows[i].name, name, len) == 0)
			return &rows[i];
	return NULL;
}

static void
put(struct vsim_nic_conf *conf, const struct nic_switch_row *row, uint64_t value)
{
	uint8_t *at = (uint8_t *)conf + row->offset;

	switch (row->width) {
	case 1:
		*(bool *)at = value != 0;
		break;
	case 2:
		*(uint16_t *)(void *)at = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)(void *)at = (uint32_t)value;
		break;
	case 8:
		*(uint64_t *)(void *)at = value;
		break;
	}
}

int
nic_switch_apply(struct vsim_nic_conf *conf, enum nic_switch kind, const char *text, char *err,
		size_t err_len)
{
	size_t len = strcspn(text, "=");
	const struct nic_switch_row *row = find(kind, text, len);
	const char *number = text[len] == '=' ? &text[len + 1] : NULL;
	uint64_t value = 1;

	if (row == NULL)
		snprintf(err, err_len, "unknown %s %.*s", kinds[kind], (int)len, text);
	else if (row->max == 0 && number != NULL)
		snprintf(err, err_len, "%s takes no number", row->name);
	else if (row->max != 0 && (number == NULL || !cli_number(number, 0, row->max, &value)))
		snprintf(err, err_len, "%s needs a number from 0 to %llu: %s=N", row->name,
				(unsigned long long)row->max, row->name);
	else {
		put(conf, row, value);
		return 0;
	}
	return -EINVAL;
}

int
nic_switch_check(enum nic_switch kind, const char *text, char *err, size_t err_len)
{
	struct vsim_nic_conf conf;

	return nic_switch_apply(&conf, kind, text, err, err_len);
}

int
nic_faults(struct nic *nic, const char *const *texts, size_t nb, char *err, size_t err_len)
{
	struct vsim_nic_conf conf = { .fault = { .refuse_features_ok = false } };
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < nb; i++)
		ret = nic_switch_apply(&conf, NIC_FAULT, texts[i], err, err_len);
	if (ret == 0)
		vsim_nic_faults(nic->vsim, &conf.fault);
	return ret;
}
