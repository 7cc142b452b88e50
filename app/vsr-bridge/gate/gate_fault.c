/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Faults on memory that a front end shares. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/base_hex.h"

#include "gate_fault.h"

/* The handler reads a row without a lock: ino is written last and cleared first. */
static struct row {
	_Atomic uint64_t ino; /* 0: free. */
	_Atomic uint64_t dev, page;
	atomic_bool seen;
} rows[GATE_FAULT_FILES];
static atomic_uint nb_rows; /* Rows beyond were never used. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* Of those who add and remove. */
static int event_fd = -1;
static struct sigaction before;

/* ---------------------------------------------------------------- in the handler */

/* One line of /proc/self/maps: "start-end perms offset major:minor inode path". */
struct line {
	uint64_t start, end, dev, ino;
};

static const char *
parse_number(const char *at, unsigned int base, uint64_t *value)
{
	int digit;

	*value = 0;
	while ((digit = base_hex_digit(*at)) >= 0 && (unsigned int)digit < base) {
		*value = *value * base + (unsigned int)digit;
		at++;
	}
	return at;
}

static const char *
skip_word(const char *at)
{
	while (*at != ' ' && *at != '\0')
		at++;
	return *at == ' ' ? at + 1 : at;
}

static void
parse_line(const char *at, struct line *line)
{
	uint64_t major, minor;

	at = parse_number(at, 16, &line->start);
	at = parse_number(*at == '-' ? at + 1 : at, 16, &line->end);
	at = skip_word(skip_word(skip_word(at))); /* the rest of this word, permissions, offset */
	at = parse_number(at, 16, &major);
	at = parse_number(*at == ':' ? at + 1 : at, 16, &minor);
	line->dev = makedev((unsigned int)major, (unsigned int)minor);
	parse_number(skip_word(at), 10, &line->ino);
}

/* Find the map of an address, with calls that a handler may make only. */
static bool
find_map(uint64_t addr, struct line *line)
{
	char buf[4096], text[512] = "";
	size_t len = 0;
	bool found = false;
	const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && !found && (n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n && !found; i++) {
			if (buf[i] != '\n') {
				if (len < sizeof(text) - 1)
					text[len++] = buf[i];
				continue;
			}
			text[len] = '\0';
			len = 0;
			parse_line(text, line);
			found = addr >= line->start && addr < line->end;
		}
	}
	if (fd >= 0)
		close(fd);
	return found;
}

static struct row *
find_row(const struct line *line)
{
	const unsigned int nb = nb_rows;

	for (unsigned int i = 0; i < nb; i++)
		if (rows[i].ino == line->ino && rows[i].dev == line->dev)
			return &rows[i];
	return NULL;
}

static void
on_fault(int number, siginfo_t *info, void *context)
{
	const uint64_t addr = (uintptr_t)info->si_addr;
	const int saved = errno;
	struct line line;
	struct row *row;
	uint64_t page;

	row = info->si_code == BUS_ADRERR && find_map(addr, &line) && line.ino != 0 ?
			find_row(&line) :
			NULL;
	page = row != NULL ? row->page : 0;
	if (page == 0 ||
			mmap((void *)(uintptr_t)(addr & ~(page - 1)), page, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
					0) == MAP_FAILED) {
		/* Not ours: the instruction runs again and faults as before. */
		sigaction(SIGBUS, &before, NULL);
		errno = saved;
		return;
	}
	row->seen = true;
	eventfd_write(event_fd, 1);
	errno = saved;
}

/* ---------------------------------------------------------------- outside */

int
gate_fault_start(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (event_fd < 0) {
		event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ret = event_fd < 0 || sigaction(SIGBUS, &action, &before) != 0 ? -errno : 0;
	}
	pthread_mutex_unlock(&lock);
	return ret == 0 ? event_fd : ret;
}

int
gate_fault_add(const struct gate_file *file)
{
	int number = -ENOSPC;

	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < GATE_FAULT_FILES; i++) {
		if (rows[i].ino != 0)
			continue;
		rows[i].seen = false;
		rows[i].dev = file->dev;
		rows[i].page = file->page;
		rows[i].ino = file->ino;
		if (i >= nb_rows)
			nb_rows = i + 1;
		number = (int)i;
		break;
	}
	pthread_mutex_unlock(&lock);
	return number;
}

void
gate_fault_remove(int number)
{
	if (number >= 0)
		rows[number].ino = 0;
}

bool
gate_fault_seen(int number)
{
	return number >= 0 && rows[number].seen;
}
