/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Table of devices whose SR-IOV is forbidden, or permitted without the feature bit. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "idtable.h"

/* @return 1: a rule; 0: an empty line; -EINVAL. */
static int
parse_line(char *line, struct id_rule *rule)
{
	unsigned int ids[4];
	char word[8], rest;
	int nb;

	line[strcspn(line, "#\n")] = '\0';
	if (line[strspn(line, " \t")] == '\0')
		return 0;
	nb = sscanf(line, " %7s %4x:%4x:%4x:%4x %c", word, &ids[0], &ids[1], &ids[2], &ids[3],
			&rest);
	if (nb != 5 || (strcmp(word, "forbid") != 0 && strcmp(word, "permit") != 0))
		return -EINVAL;
	rule->verdict = word[0] == 'f' ? ID_FORBID : ID_PERMIT;
	for (unsigned int i = 0; i < 4; i++)
		rule->ids[i] = (uint16_t)ids[i];
	return 1;
}

static int
add_line(struct idtable *table, char *line)
{
	struct id_rule rule, *more;
	int ret = parse_line(line, &rule);

	if (ret <= 0)
		return ret;
	more = reallocarray(table->rules, table->nb + 1, sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	table->rules = more;
	table->rules[table->nb++] = rule;
	return 0;
}

int
idtable_read(struct idtable *table, const char *file, struct err *err)
{
	unsigned int number = 0;
	char line[256];
	int ret = 0;
	FILE *in;

	memset(table, 0, sizeof(*table));
	if (file == NULL || file[0] == '\0')
		return 0;
	if (strlen(file) >= sizeof(table->file))
		return err_set(err, -ENAMETOOLONG, "the path of the id table is too long: %s",
				file);
	strcpy(table->file, file);
	in = fopen(file, "re");
	if (in == NULL)
		return err_set(err, -errno, "cannot read the id table %s: %s", file,
				strerror(errno));
	while (ret == 0 && fgets(line, sizeof(line), in) != NULL) {
		number++;
		ret = strchr(line, '\n') == NULL && !feof(in) ? -EINVAL : add_line(table, line);
	}
	fclose(in);
	if (ret == 0)
		return 0;
	idtable_free(table);
	return ret == -EINVAL ?
			err_set(err, ret,
					"line %u of the id table %s is wrong: write \"forbid\" or \"permit\", then four "
					"ids, for example: forbid 1af4:1041:8086:15fe",
					number, file) :
			err_set(err, ret, "cannot store the id table %s: %s", file, strerror(-ret));
}

void
idtable_free(struct idtable *table)
{
	free(table->rules);
	table->rules = NULL;
	table->nb = 0;
}

enum id_verdict
idtable_verdict(const struct idtable *table, const struct sysfs_fn *fn)
{
	const uint16_t ids[4] = { fn->vendor, fn->device, fn->subsys_vendor, fn->subsys };

	for (size_t i = table->nb; i-- > 0;)
		if (memcmp(table->rules[i].ids, ids, sizeof(ids)) == 0)
			return table->rules[i].verdict;
	return ID_UNNAMED;
}
