/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsr-sim list: the names of profiles and features. */

#include <stdio.h>

#include "cli.h"
#include "nic.h"

static void
print_profiles(void)
{
	const char *name, *summary;

	printf("Profiles (vsr-sim serve --profile NAME):\n");
	for (unsigned int i = 0; nic_profile_at(i, &name, &summary); i++)
		printf("  %-10s %s\n", name, summary);
}

/* One row per feature, one column per profile. */
static void
print_features(void)
{
	const char *name, *summary;

	printf("\nFeatures (vsr-sim serve --features +NAME,-NAME) that profiles offer:\n"
	       "  %3s  %-22s",
			"BIT", "NAME");
	for (unsigned int i = 0; nic_profile_at(i, &name, &summary); i++)
		printf(" %-10s", name);
	printf("\n");
	for (unsigned int bit = 0; bit < NIC_FEATURE_BITS; bit++) {
		bool offered = false;

		for (unsigned int i = 0; nic_profile_at(i, &name, &summary); i++)
			offered |= nic_profile_offers(i, bit);
		if (!offered || nic_feature_at(bit) == NULL)
			continue;
		printf("  %3u  %-22s", bit, nic_feature_at(bit));
		for (unsigned int i = 0; nic_profile_at(i, &name, &summary); i++)
			printf(" %-10s", nic_profile_offers(i, bit) ? "yes" : "-");
		printf("\n");
	}
	printf("The PF also offers sr_iov if it can have VFs.\n");
}

static int
run(struct cli_args *args)
{
	int opt = cli_next(args);

	if (opt == CLI_HELP)
		return CLI_OK;
	if (opt == CLI_BAD)
		return CLI_USAGE;
	if (opt != CLI_END)
		return cli_usage(args, "unexpected argument %s", args->value);
	print_profiles();
	print_features();
	return CLI_OK;
}

const struct cli_cmd cmd_list = {
	.name = "list",
	.args = "",
	.help = "List the profiles and features of the NIC",
	.run = run,
};
