/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_NIC_PRIV_H
#define VSR_SIM_NIC_PRIV_H

/**
 * @file
 * Shared by nic.c, nic_switch.c and nic_stats.c.
 *
 * Locks, in the order in which they are taken:
 *   servers_lock  protects the servers in fns[]; the socket thread holds it while it processes
 *                 requests to one.
 *   host->lock    serialises all use of a struct vuser_server, which is single-threaded, by the
 *                 host (its client) and by the socket thread (host_server_process()).
 *   fn_lock       keeps a function of lib/vsim between its look-up and its use: a write of VF
 *                 Enable or a reset of the PF removes VFs.
 * The bus is changed (host_fn_add, host_fn_remove) with none of them held.
 */

#include <pthread.h>

#include "nic.h"
#include "vsim/vsim.h"

struct nic_fn {
	struct nic *nic;
	unsigned int index;
	char bdf[HOST_BDF_LEN];
	struct vuser_server *server; /**< NULL: the function does not exist. */
};

struct nic {
	struct vsim_nic *vsim;
	struct host *host;
	bool sockets_only;
	char profile[32];
	char pf_bdf[HOST_BDF_LEN];
	char socket_dir[96];
	unsigned int nb_workers;
	uint16_t total_vfs, queue_pairs, mtu;

	pthread_mutex_t servers_lock, fn_lock;
	struct nic_fn fns[1 + NIC_MAX_VFS];

	pthread_t workers[NIC_MAX_WORKERS];
	unsigned int nb_running;
	pthread_t socket_thread;
	bool socket_thread_runs;
	int epoll_fd, stop_fd;
};

/** Set a switch. @return 0, or -EINVAL with the error text in err. */
int nic_switch_apply(struct vsim_nic_conf *conf, enum nic_switch kind, const char *text, char *err,
		size_t err_len);

#endif /* VSR_SIM_NIC_PRIV_H */
