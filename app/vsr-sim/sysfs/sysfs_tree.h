/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_SYSFS_TREE_H
#define VSR_SIM_SYSFS_TREE_H

/**
 * @file
 * The names and contents of the simulated /sys, without any file system: which nodes there are,
 * what reading one gives and what writing one does. sysfs.c shows it through FUSE,
 * sysfs_tree.c holds the folders, sysfs_fn.c the files of a PCI function.
 *
 * Nothing is cached: every call asks the host, so that a change shows at once. All functions
 * return 0 (or a count) or the -errno a Linux kernel gives, and may be called from any thread.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../host/host.h"

/** What the tree stands on; filled by its owner. */
struct tree {
	struct host *host;
	int numa_node; /**< Of all functions, -1: none. */
	int (*rescan)(void *arg); /**< Puts removed functions back on the bus. */
	void *rescan_arg;
	/** Makes writes one at a time, as the device locks of a kernel do: a change of the VF
	 * count takes several steps in the host. */
	pthread_mutex_t store_lock;
};

struct tree_attr;
struct tree_dir;

/** Where a name leads; a value, found anew for each request. */
struct tree_node {
	const struct tree_attr *attr; /**< Of a file or link, else NULL. */
	const struct tree_dir *dir; /**< Of a folder, else NULL. */
	/* What the path says, as far as it says it */
	char bdf[HOST_BDF_LEN]; /**< Empty: no function. */
	enum host_driver driver;
	int group;
	unsigned int n; /**< Of virtfnN, from 0. */
};

/** A file or link. Texts are written without regard to their end: show() returns the length. */
struct tree_attr {
	const char *name;
	mode_t mode; /**< Type and permissions. */
	/** Whether this function has it; NULL: always. */
	bool (*shown)(const struct host_fn_info *fn);
	/** Text of a file or target of a link. */
	int (*show)(const struct tree *tree, const struct tree_node *node, char *buf, size_t len);
	/** The text is stripped of white space at its end. */
	int (*store)(const struct tree *tree, const struct tree_node *node, const char *text);
	/** Instead of show() and store(): not text but bytes. */
	ssize_t (*read)(const struct tree *tree, const struct tree_node *node, char *buf,
			size_t len, off_t offset);
	ssize_t (*write)(const struct tree *tree, const struct tree_node *node, const char *buf,
			size_t len, off_t offset);
	off_t size; /**< Shown size; 0: one page, as for every text in sysfs. */
};

typedef void (*tree_emit)(void *arg, const char *name);

/** A folder: fixed files, fixed folders, and names that depend on the host. */
struct tree_dir {
	const char *name; /**< NULL ends a list; unused in folders with dynamic names. */
	const struct tree_attr *attrs; /**< Ended by a NULL name; may be NULL. */
	const struct tree_dir *dirs; /**< The same. */
	/** Turn the node of this folder into that of its dynamic entry. 0 or -ENOENT. */
	int (*find)(const struct tree *tree, struct tree_node *node, const char *name);
	void (*list)(const struct tree *tree, const struct tree_node *node, tree_emit emit,
			void *arg);
};

/** Find a node by its path from the root: "/bus/pci", "/" . -ENOENT. */
int tree_find(const struct tree *tree, const char *path, struct tree_node *out);
/** Type, permissions and size to show. */
mode_t tree_mode(const struct tree_node *node);
off_t tree_size(const struct tree_node *node);
/** Call emit for each name in a folder. 0 or -ENOTDIR. */
int tree_list(const struct tree *tree, const struct tree_node *node, tree_emit emit, void *arg);
ssize_t tree_read(const struct tree *tree, const struct tree_node *node, char *buf, size_t len,
		off_t offset);
ssize_t tree_write(struct tree *tree, const struct tree_node *node, const char *buf, size_t len,
		off_t offset);
/** Target of a link, ended by a zero byte. 0 or -EINVAL. */
int tree_readlink(const struct tree *tree, const struct tree_node *node, char *buf, size_t len);

/* sysfs_fn.c */

/** Files and links of a function, and its virtfnN. */
extern const struct tree_attr tree_fn_attrs[];
int tree_virtfn_find(const struct tree *tree, struct tree_node *node, const char *name);
void tree_virtfn_list(const struct tree *tree, const struct tree_node *node, tree_emit emit,
		void *arg);

/** Processors near the functions, as a list "0-3" or a mask "f". */
int tree_cpus(const struct tree *tree, bool list, char *buf, size_t len);

#endif /* VSR_SIM_SYSFS_TREE_H */
