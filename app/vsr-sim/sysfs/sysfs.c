/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The simulated /sys as a FUSE file system: the operations of FUSE, the mount, and the threads.
 *
 * The kernel caches nothing (no timeouts, direct I/O): a read returns the state of the host at that
 * moment, and the result of a write is the result of write(2).
 *
 * libfuse's own loop is not used: the threads must end at once on request, also while a program
 * keeps a file of the tree, and with it the connection, open.
 */

#define FUSE_USE_VERSION 314

#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <fuse3/fuse_lowlevel.h>
#include <fuse3/fuse_log.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sysfs_tree.h"

/* A write may wait until programs release a function; other threads serve reads meanwhile. */
#define THREADS 4

struct sysfs {
	struct tree tree;
	struct fuse *fuse;
	char *mountpoint;
	pthread_t threads[THREADS];
	unsigned int nb_threads;
	int stop_fd;
};

/* ---------------------------------------------------------------- operations */

static struct tree *
the_tree(void)
{
	struct sysfs *sysfs = fuse_get_context()->private_data;

	return &sysfs->tree;
}

static void *
op_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	config->entry_timeout = 0;
	config->attr_timeout = 0;
	config->negative_timeout = 0;
	config->direct_io = 1;
	conn->want &= ~(unsigned int)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
			FUSE_CAP_SPLICE_MOVE);
	return fuse_get_context()->private_data;
}

static int
op_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct tree_node node;
	int ret = tree_find(the_tree(), path, &node);

	if (ret != 0)
		return ret;
	memset(st, 0, sizeof(*st));
	st->st_mode = tree_mode(&node);
	st->st_size = tree_size(&node);
	st->st_nlink = S_ISDIR(st->st_mode) ? 2 : 1;
	st->st_uid = getuid();
	st->st_gid = getgid();
	return 0;
}

static int
op_readlink(const char *path, char *buf, size_t len)
{
	struct tree_node node;
	int ret = tree_find(the_tree(), path, &node);

	return ret != 0 ? ret : tree_readlink(the_tree(), &node, buf, len);
}

struct filler {
	fuse_fill_dir_t fill;
	void *buf;
};

static void
emit_name(void *arg, const char *name)
{
	struct filler *filler = arg;

	filler->fill(filler->buf, name, NULL, 0, 0);
}

static int
op_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset,
		struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	struct filler filler = { fill, buf };
	struct tree_node node;
	int ret = tree_find(the_tree(), path, &node);

	if (ret != 0)
		return ret;
	emit_name(&filler, ".");
	emit_name(&filler, "..");
	return tree_list(the_tree(), &node, emit_name, &filler);
}

/* Like sysfs, check the permissions of a file also for root. */
static int
op_open(const char *path, struct fuse_file_info *fi)
{
	struct tree_node node;
	int ret = tree_find(the_tree(), path, &node);
	int how = fi->flags & O_ACCMODE;

	if (ret != 0)
		return ret;
	if ((how != O_RDONLY && !(tree_mode(&node) & 0222)) ||
			(how != O_WRONLY && !(tree_mode(&node) & 0444)))
		return -EACCES;
	return 0;
}

static int
op_read(const char *path, char *buf, size_t len, off_t offset, struct fuse_file_info *fi)
{
	struct tree_node node;
	int ret = tree_find(the_tree(), path, &node);

	/* -ENODEV: the function was removed while the file was open. */
	return ret != 0 ? -ENODEV : (int)tree_read(the_tree(), &node, buf, len, offset);
}

static int
op_write(const char *path, const char *buf, size_t len, off_t offset, struct fuse_file_info *fi)
{
	struct tree_node node;
	int ret = tree_find(the_tree(), path, &node);

	return ret != 0 ? -ENODEV : (int)tree_write(the_tree(), &node, buf, len, offset);
}

/* A shell opens a file for writing with O_TRUNC, which has no effect in sysfs. */
static int
op_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	return 0;
}

static const struct fuse_operations operations = {
	.init = op_init,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.readdir = op_readdir,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.truncate = op_truncate,
};

/* ---------------------------------------------------------------- mounting */

/* libfuse prints errors to stderr only: keep its last message for the error text. */
static char last_message[256];

static void
keep_message(enum fuse_log_level level, const char *fmt, va_list ap)
{
	size_t len;

	vsnprintf(last_message, sizeof(last_message), fmt, ap);
	len = strlen(last_message);
	while (len > 0 && last_message[len - 1] == '\n')
		last_message[--len] = '\0';
}

static bool
is_mounted(const char *mountpoint)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[1024], place[512];
	bool found = false;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%*d %*d %*s %*s %511s", place) == 1 &&
				strcmp(place, mountpoint) == 0)
			found = true;
	}
	if (file != NULL)
		fclose(file);
	return found;
}

/* Detach the mount at once; open files in it stop working. Without root, this needs fusermount3. */
static int
unmount(const char *mountpoint)
{
	pid_t pid;
	int status;

	if (umount2(mountpoint, MNT_DETACH) == 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	pid = fork();
	if (pid == 0) {
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", mountpoint, (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

int
sysfs_clean(const char *mountpoint)
{
	int ret;

	for (unsigned int tries = 0; tries < 16 && is_mounted(mountpoint); tries++) {
		ret = unmount(mountpoint);
		if (ret != 0)
			return ret;
	}
	return 0;
}

/* ---------------------------------------------------------------- start and stop */

static void *
loop(void *arg)
{
	struct sysfs *sysfs = arg;
	struct fuse_session *session = fuse_get_session(sysfs->fuse);
	struct fuse_buf buf = { 0 };
	struct pollfd fds[2] = {
		{ .fd = fuse_session_fd(session), .events = POLLIN },
		{ .fd = sysfs->stop_fd, .events = POLLIN },
	};

	for (;;) {
		int ret;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents != 0 || fds[0].revents & (POLLERR | POLLHUP | POLLNVAL))
			break;
		if (!(fds[0].revents & POLLIN))
			continue;
		/* Does not block: another thread may have received the request. */
		ret = fuse_session_receive_buf(session, &buf);
		if (ret == -EINTR || ret == -EAGAIN)
			continue;
		if (ret <= 0)
			break;
		fuse_session_process_buf(session, &buf);
	}
	free(buf.mem);
	return NULL;
}

static bool
mount_tree(struct sysfs *sysfs, char *err, size_t err_len)
{
	char *argv[] = { (char *)"vsr-sim", (char *)"-o",
		(char *)"fsname=vsr-sim,subtype=sysfs,default_permissions", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	int fd;

	if (access("/dev/fuse", F_OK) != 0) {
		snprintf(err, err_len,
				"/dev/fuse does not exist: load the kernel's fuse module "
				"(modprobe fuse), or add this device to the container");
		return false;
	}
	fuse_set_log_func(keep_message);
	sysfs->fuse = fuse_new(&args, &operations, sizeof(operations), sysfs);
	if (sysfs->fuse == NULL || fuse_mount(sysfs->fuse, sysfs->mountpoint) != 0) {
		snprintf(err, err_len, "cannot mount the simulated sysfs at %s: %s",
				sysfs->mountpoint,
				last_message[0] != '\0' ? last_message : strerror(errno));
		fuse_opt_free_args(&args);
		return false;
	}
	fuse_opt_free_args(&args);
	fd = fuse_session_fd(fuse_get_session(sysfs->fuse));
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return true;
}

struct sysfs *
sysfs_start(const struct sysfs_conf *conf, char *err, size_t err_len)
{
	struct sysfs *sysfs = calloc(1, sizeof(*sysfs));

	if (sysfs == NULL) {
		snprintf(err, err_len, "out of memory");
		return NULL;
	}
	sysfs->tree.host = conf->host;
	sysfs->tree.numa_node = conf->numa_node;
	sysfs->tree.rescan = conf->rescan;
	sysfs->tree.rescan_arg = conf->rescan_arg;
	pthread_mutex_init(&sysfs->tree.store_lock, NULL);
	sysfs->stop_fd = eventfd(0, EFD_CLOEXEC);
	sysfs->mountpoint = strdup(conf->mountpoint);
	if (sysfs->stop_fd < 0 || sysfs->mountpoint == NULL) {
		snprintf(err, err_len, "cannot serve the simulated sysfs: %s", strerror(errno));
		sysfs_stop(sysfs);
		return NULL;
	}
	if (!mount_tree(sysfs, err, err_len)) {
		sysfs_stop(sysfs);
		return NULL;
	}
	for (; sysfs->nb_threads < THREADS; sysfs->nb_threads++) {
		int ret = pthread_create(&sysfs->threads[sysfs->nb_threads], NULL, loop, sysfs);

		if (ret != 0) {
			snprintf(err, err_len, "cannot start a thread: %s", strerror(ret));
			sysfs_stop(sysfs);
			return NULL;
		}
	}
	return sysfs;
}

void
sysfs_stop(struct sysfs *sysfs)
{
	if (sysfs == NULL)
		return;
	if (sysfs->stop_fd >= 0)
		eventfd_write(sysfs->stop_fd, 1);
	for (unsigned int i = 0; i < sysfs->nb_threads; i++)
		pthread_join(sysfs->threads[i], NULL);
	if (sysfs->fuse != NULL) {
		/* End the connection, then detach the mount. A program that waits for an answer or
		 * has a file open gets ENOTCONN. */
		fuse_unmount(sysfs->fuse);
		fuse_destroy(sysfs->fuse);
		if (sysfs->mountpoint != NULL)
			sysfs_clean(sysfs->mountpoint);
	}
	if (sysfs->stop_fd >= 0)
		close(sysfs->stop_fd);
	free(sysfs->mountpoint);
	pthread_mutex_destroy(&sysfs->tree.store_lock);
	free(sysfs);
}
