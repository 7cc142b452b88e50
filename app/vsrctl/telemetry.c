/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Counters of ports, from the telemetry sockets of DPDK programs. */

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "telemetry.h"

#define ANSWER_BYTES (64 * 1024)

static int
connect_to(const char *dir, const char *prefix)
{
	const struct timeval limit = { .tv_usec = 500000 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if ((size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s/dpdk_telemetry.v2", dir,
			    prefix) >= sizeof(addr.sun_path))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

static json_t *
receive(int fd, char *buf)
{
	const ssize_t len = recv(fd, buf, ANSWER_BYTES, 0);

	return len > 0 ? json_loadb(buf, (size_t)len, 0, NULL) : NULL;
}

/* Send a command, such as "/ethdev/stats,0". @return the member of that name in the answer. */
static json_t *
ask(int fd, char *buf, const char *command, json_int_t port)
{
	char text[64];
	json_t *answer, *inner = NULL;

	if (port < 0)
		snprintf(text, sizeof(text), "%s", command);
	else
		snprintf(text, sizeof(text), "%s,%lld", command, (long long)port);
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return NULL;
	answer = receive(fd, buf);
	if (answer != NULL)
		inner = json_incref(json_object_get(answer, command));
	json_decref(answer);
	return inner;
}

static uint64_t
number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static bool
read_port(int fd, char *buf, json_int_t port, struct port_stats *out)
{
	static const char tail[] = "_doorbells";
	json_t *info, *stats, *xstats, *value;
	const char *name;
	bool fine;

	memset(out, 0, sizeof(*out));
	info = ask(fd, buf, "/ethdev/info", port);
	name = json_string_value(json_object_get(info, "name"));
	snprintf(out->pci, sizeof(out->pci), "%s", name != NULL ? name : "");
	json_decref(info);
	stats = ask(fd, buf, "/ethdev/stats", port);
	out->rx = number(stats, "ipackets");
	out->tx = number(stats, "opackets");
	fine = stats != NULL && out->pci[0] != '\0';
	json_decref(stats);
	xstats = ask(fd, buf, "/ethdev/xstats", port);
	json_object_foreach(xstats, name, value)
	{
		const size_t len = strlen(name);

		if (len < sizeof(tail) || strcmp(name + len - (sizeof(tail) - 1), tail) != 0)
			continue;
		out->has_doorbells = true;
		out->doorbells += (uint64_t)json_integer_value(value);
	}
	json_decref(xstats);
	return fine;
}

static unsigned int
read_program(int fd, struct port_stats *out, unsigned int max)
{
	char *buf = malloc(ANSWER_BYTES);
	json_t *ports = NULL, *port;
	unsigned int nb = 0;
	size_t i;

	if (buf != NULL) {
		json_decref(receive(fd, buf)); /* the greeting */
		ports = ask(fd, buf, "/ethdev/list", -1);
	}
	json_array_foreach(ports, i, port) if (nb < max &&
			read_port(fd, buf, json_integer_value(port), &out[nb])) nb++;
	json_decref(ports);
	free(buf);
	return nb;
}

static unsigned int
read_folder(const char *dir, struct port_stats *out, unsigned int max)
{
	struct dirent *entry;
	unsigned int nb = 0;
	DIR *programs = opendir(dir);

	while (programs != NULL && nb < max && (entry = readdir(programs)) != NULL) {
		const int fd = entry->d_name[0] != '.' ? connect_to(dir, entry->d_name) : -1;

		if (fd < 0)
			continue;
		nb += read_program(fd, out + nb, max - nb);
		close(fd);
	}
	if (programs != NULL)
		closedir(programs);
	return nb;
}

unsigned int
telemetry_read(struct port_stats *out, unsigned int max)
{
	const char *own = getenv("XDG_RUNTIME_DIR");
	char dir[PATH_MAX];
	unsigned int nb = read_folder("/var/run/dpdk", out, max);

	if (own == NULL || own[0] == '\0')
		return nb;
	snprintf(dir, sizeof(dir), "%s/dpdk", own);
	return nb + read_folder(dir, out + nb, max - nb);
}
