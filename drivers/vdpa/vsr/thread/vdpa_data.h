/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_DATA_H
#define VDPA_DATA_H

/**
 * @file
 * The data thread, one for all guests of the process: it waits for doorbells of guests and for
 * interrupts of VFs, and calls the functions of their watches. It starts with the first watch and
 * ends with the process.
 */

#include "../base/vdpa_watch.h"

/**
 * Watch a descriptor. Each time that it becomes readable the data thread calls watch->fn; it never
 * reads the descriptor, which may be any kind of file of a front end.
 * @param watch  Stays in use until vdpa_data_del(). fd is set to the descriptor.
 * @return 0 or -errno. Any thread but the data thread.
 */
int vdpa_data_add(struct vdpa_watch *watch, int fd);

/** Stop watching. Does nothing for a watch that is not watched. To be followed by
 * vdpa_data_wait() before the watch, or what its function uses, is changed. */
void vdpa_data_del(struct vdpa_watch *watch);

/** Wait until the data thread is in no function of a watch that was deleted before. The functions
 * do not wait, so neither does this. */
void vdpa_data_wait(void);

#endif /* VDPA_DATA_H */
