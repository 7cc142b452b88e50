/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Options of the command line that all daemons have. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base_number.h"

#include "access.h"
#include "log.h"
#include "options.h"

int
options_usage(const char *name, const char *text, const char *word)
{
	struct err err;

	err_set(&err, 0, "%s%s", text, word);
	fprintf(stderr, "%s: %s; see %s --help\n", name, err.text, name);
	return OPTIONS_USAGE;
}

int
options_mib(const char *text, uint64_t *bytes)
{
	uint64_t mib;

	if (base_number_parse(text, UINT32_MAX, &mib) != 0 || mib == 0)
		return -EINVAL;
	*bytes = mib << 20;
	return 0;
}

static int
take_uid(const struct options_shared *options, const char *text)
{
	struct server_conf *server = options->server;
	uint64_t uid;

	if (base_number_parse(text, UINT32_MAX - 1, &uid) != 0 ||
			server->nb_uids == SERVER_MAX_UIDS)
		return options_usage(options->name,
				"--allow-uid takes a user id, at most 16 times, not ", text);
	server->uids[server->nb_uids++] = (uid_t)uid;
	return OPTIONS_GO_ON;
}

static int
take_access(const struct options_shared *options, const char *owner, const char *group,
		const char *mode)
{
	struct err err;

	if (access_parse(owner, group, mode, &options->server->access, &err) != 0)
		return options_usage(options->name, err.text, "");
	return OPTIONS_GO_ON;
}

static int
take_log(const struct options_shared *options, const char *where)
{
	if (strcmp(where, "syslog") != 0 && strcmp(where, "stderr") != 0)
		return options_usage(options->name, "--log takes stderr or syslog, not ", where);
	if (strcmp(where, "syslog") != 0)
		log_to_stderr(options->name);
	else if (log_to_syslog(options->name) != 0)
		fprintf(stderr, "%s: warning: nobody reads /dev/log yet\n", options->name);
	return OPTIONS_GO_ON;
}

/* An option that is in OPTIONS_ROWS. */
static int
take(struct options_shared *options, int opt, const char *value)
{
	switch (opt) {
	case 'S':
		options->server->path = value;
		return OPTIONS_GO_ON;
	case 'u':
		return take_uid(options, value);
	case 'o':
		return take_access(options, value, NULL, NULL);
	case 'G':
		return take_access(options, NULL, value, NULL);
	case 'm':
		return take_access(options, NULL, NULL, value);
	case 'l':
		return take_log(options, value);
	case 'v':
		printf("%s %s\n", options->name, options->version);
		return 0;
	default:
		fputs(options->help, stdout);
		return 0;
	}
}

int
options_parse(struct options_shared *options, int argc, char **argv, const struct option *longs,
		int (*own)(void *arg, int opt, char *value), void *arg)
{
	int opt, code;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		if (opt == ':')
			return options_usage(options->name,
					"option needs a value: ", argv[optind - 1]);
		if (opt == '?')
			return options_usage(options->name, "unknown option ", argv[optind - 1]);
		code = strchr("SoGmulvh", opt) != NULL ? take(options, opt, optarg) :
							 own(arg, opt, optarg);
		if (code != OPTIONS_GO_ON)
			return code;
	}
	return optind == argc ? OPTIONS_GO_ON :
				options_usage(options->name, "unexpected argument ", argv[optind]);
}
