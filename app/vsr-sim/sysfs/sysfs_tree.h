/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_SYSFS_TREE_H
#define VSR_SIM_SYSFS_TREE_H

/**
 * @file
 * The tree of the simulated /sys: its nodes, the contents of files, and the effects of writes.
 * sysfs_tree.c has the folders, sysfs_fn.c the files of a PCI function. sysfs.c shows the tree
 * through FUSE.
 *
 * Nothing is cached: every call reads the state of the host. All functions return 0 (or a count),
 * or the -errno of a Linux kernel, and may be called from any thread.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../host/host.h"

/** The source of the tree; filled in by sysfs.c. */
struct tree {
	struct host *host;
	int numa_node; /**< Of all functions; -1: none. */
	int (*rescan)(void *arg); /**< Adds removed functions to the bus again. */
	void *rescan_arg;
	/** Serialises writes, as the device locks of a kernel do: a change of the number of VFs
	 * takes several steps in the host. */
	pthread_mutex_t store_lock;
};

struct tree_attr;
struct tree_dir;

/** A node of the tree; looked up again for each request. */
struct tree_node {
	const struct tree_attr *attr; /**< Of a file or link, else NULL. */
	const struct tree_dir *dir; /**< Of a folder, else NULL. */
	/* Parts of its path */
	char bdf[HOST_BDF_LEN]; /**< Empty: the path names no function. */
	enum host_driver driver;
	int group;
	unsigned int n; /**< N of virtfnN, from 0. */
};

/** A file or link. show() returns the length of the text, as snprintf() does. */
struct tree_attr {
	const char *name;
	mode_t mode; /**< Type and permissions. */
	/** Whether the folder of this function has the file; NULL: always. */
	bool (*shown)(const struct host_fn_info *fn);
	/** Write the text of a file, or the target of a link. */
	int (*show)(const struct tree *tree, const struct tree_node *node, char *buf, size_t len);
	/** Handle a write; the text has no white space at its end. */
	int (*store)(const struct tree *tree, const struct tree_node *node, const char *text);
	/** For a binary file, instead of show() and store(). */
	ssize_t (*read)(const struct tree *tree, const struct tree_node *node, char *buf,
			size_t len, off_t offset);
	ssize_t (*write)(const struct tree *tree, const struct tree_node *node, const char *buf,
			size_t len, off_t offset);
	off_t size; /**< Size to show; 0: one page, as for all texts of sysfs. */
};

typedef void (*tree_emit)(void *arg, const char *name);

/** A folder: fixed files, fixed folders, and entries that depend on the host. */
struct tree_dir {
	const char *name; /**< NULL ends a list; unused in an entry that depends on the host. */
	const struct tree_attr *attrs; /**< The last one has a NULL name; may be NULL. */
	const struct tree_dir *dirs; /**< As attrs. */
	/**
	 * Change the node of this folder to the entry `name` that depends on the host. 0 or
	 * -ENOENT.
	 */
	int (*find)(const struct tree *tree, struct tree_node *node, const char *name);
	void (*list)(const struct tree *tree, const struct tree_node *node, tree_emit emit,
			void *arg);
};

/** Find a node by its path from the root, such as "/bus/pci". @return 0 or -ENOENT. */
int tree_find(const struct tree *tree, const char *path, struct tree_node *out);
/** Type and permissions, and the size, to show. */
mode_t tree_mode(const struct tree_node *node);
off_t tree_size(const struct tree_node *node);
/** Call emit for each name in a folder. @return 0 or -ENOTDIR. */
int tree_list(const struct tree *tree, const struct tree_node *node, tree_emit emit, void *arg);
ssize_t tree_read(const struct tree *tree, const struct tree_node *node, char *buf, size_t len,
		off_t offset);
ssize_t tree_write(struct tree *tree, const struct tree_node *node, const char *buf, size_t len,
		off_t offset);
/** Target of a link, terminated. @return 0 or -EINVAL. */
int tree_readlink(const struct tree *tree, const struct tree_node *node, char *buf, size_t len);

/* sysfs_fn.c */

/** Files and links of a function, and its links virtfnN. */
extern const struct tree_attr tree_fn_attrs[];
int tree_virtfn_find(const struct tree *tree, struct tree_node *node, const char *name);
void tree_virtfn_list(const struct tree *tree, const struct tree_node *node, tree_emit emit,
		void *arg);

#endif /* VSR_SIM_SYSFS_TREE_H */
