/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_NIC_PRIV_H
#define VSR_SIM_NIC_PRIV_H

/**
 * @file
 * What nic.c, nic_switch.c and nic_stats.c share.
 *
 * Locks, in the order in which they are taken:
 *   servers_lock  the servers of fns[]; the socket thread holds it while it serves one.
 *   host's lock   all use of one struct vuser_server, by the host's attached clients and by the
 *                 socket thread alike (host_server_process()): the objects are single-threaded.
 *   fn_lock       lib/vsim functions: a write of VF Enable or a reset of the PF takes VFs away,
 *                 so looking one up and using it is one step.
 * A change of the bus (host_fn_add, host_fn_remove) is made with none of them held.
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
	uint16_t total_vfs, queue_pairs;

	pthread_mutex_t servers_lock, fn_lock;
	struct nic_fn fns[1 + NIC_MAX_VFS];

	pthread_t workers[NIC_MAX_WORKERS];
	unsigned int nb_running;
	pthread_t socket_thread;
	bool socket_thread_runs;
	int epoll_fd, stop_fd;
};

/** Set a switch. @return 0, or -EINVAL with one sentence in err. */
int nic_switch_apply(struct vsim_nic_conf *conf, enum nic_switch kind, const char *text, char *err,
		size_t err_len);

#endif /* VSR_SIM_NIC_PRIV_H */
