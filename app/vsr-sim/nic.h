/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_NIC_H
#define VSR_SIM_NIC_H

/**
 * @file
 * The simulated NIC as the rest of vsr-sim sees it: one lib/vsim NIC, each of its functions
 * offered by a vfio-user server and put on the bus of the simulated host.
 *
 * Only nic.c and nic_stats.c know lib/vsim.
 */

#include <jansson.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/host.h"

#define NIC_MAX_WORKERS 16
#define NIC_MAX_VFS 256
#define NIC_MAX_ADMIN_QUEUES 8

#define NIC_MAX_SWITCHES 32

struct nic;

/** Kinds of switches that a NIC has; their names stand in nic_switch.c and in the guide. */
enum nic_switch {
	NIC_FAULT, /**< Ways to misbehave. */
	NIC_LENIENT, /**< Where the specification leaves a hole, take what drivers do. */
	NIC_ALT, /**< Other ways to the legacy registers of VFs. */
};

struct nic_conf {
	const char *profile; /**< Name. */
	const char *features; /**< "+name,-name,...", may be NULL. */
	const char *pf_bdf; /**< Full name of the PF. */
	const char *socket_dir; /**< Existing folder for the vfio-user sockets. */
	uint16_t total_vfs, queue_pairs, queue_size, mtu;
	uint8_t mac[6]; /**< Of the PF; VF n has it plus n. */
	unsigned int workers;
	bool sockets_only; /**< Put nothing on the bus: the sockets are for other clients. */
	uint16_t admin_queues; /**< Of the PF, if it offers any; 0: one. */
	uint8_t pasid_width; /**< Of the PF's PASID capability, 1..20; 0: none. */
	struct {
		enum nic_switch kind;
		const char *text; /**< "name" or "name=number". */
	} switches[NIC_MAX_SWITCHES];
	size_t nb_switches;
};

/**
 * Build the NIC; nothing runs yet and nothing is on the bus.
 * @return NULL with one sentence in err.
 */
struct nic *nic_create(const struct nic_conf *conf, char *err, size_t err_len);

/** Is it a switch of this kind? @return 0, or -EINVAL with one sentence in err. */
int nic_switch_check(enum nic_switch kind, const char *text, char *err, size_t err_len);

/** From now on these faults and no others. @return 0, or -EINVAL with one sentence in err. */
int nic_faults(struct nic *nic, const char *const *texts, size_t nb, char *err, size_t err_len);

/**
 * Connect a function to a wire; before or while the NIC runs.
 * @param index  0 for the PF, n for VF n (which need not exist yet).
 * @return 0, or -errno with one sentence in err.
 */
int nic_wire(struct nic *nic, unsigned int index, const char *spec, char *err, size_t err_len);

/**
 * Start the data plane threads and the thread of the sockets, put the PF on the bus of the host
 * and take over the making of its VFs.
 * @param cpus     Processors of the workers, in order, again from the start when too few.
 * @param nb_cpus  0: not pinned.
 * @return 0, or -errno with one sentence in err.
 */
int nic_start(struct nic *nic, struct host *host, const unsigned int *cpus, size_t nb_cpus,
		char *err, size_t err_len);
/** Put what is missing back on the bus (a rescan after a removal). 0 or -errno. */
int nic_rescan(struct nic *nic);

/** Take all off the bus, end the threads, free all. The host still lives. NULL is fine. */
void nic_destroy(struct nic *nic);

/** Index of a function that exists: "pf", "vf3", or a name on the bus, long or short; -ENODEV. */
int nic_find(struct nic *nic, const char *name);
/** Cable in or out. 0 or -ENODEV. */
int nic_link_set(struct nic *nic, unsigned int index, bool up);

/** Name on the bus, as of now. 0, or -ENODEV when there is no such VF. */
int nic_bdf(struct nic *nic, unsigned int index, char out[HOST_BDF_LEN]);

/* nic_stats.c: counters as JSON objects, owned by the caller; NULL when memory is out */

/** The NIC: profile, PF, VFs, load of each worker, violations. */
json_t *nic_json(struct nic *nic);
/** One function, counters summed; with queues an array of all its queues. NULL: no such. */
json_t *nic_fn_json(struct nic *nic, unsigned int index, bool queues);

/* What can be typed, for help texts */

/** Number i of the profiles; false past the end. */
bool nic_profile_at(unsigned int i, const char **name, const char **summary);
/** Name of feature bit i, NULL when it has none; bits end at NIC_FEATURE_BITS. */
const char *nic_feature_at(unsigned int i);
#define NIC_FEATURE_BITS 128
/** Whether profile number i (that exists) offers a feature bit. */
bool nic_profile_offers(unsigned int profile, unsigned int bit);

#endif /* VSR_SIM_NIC_H */
