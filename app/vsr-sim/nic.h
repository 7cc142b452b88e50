/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_NIC_H
#define VSR_SIM_NIC_H

/**
 * @file
 * The simulated NIC: one NIC of lib/vsim. Each of its functions has a vfio-user server and is on
 * the bus of the simulated host.
 *
 * In vsr-sim, only nic*.c use lib/vsim.
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

/** Kinds of switches; the guide of vsr-sim describes the switches. */
enum nic_switch {
	NIC_FAULT, /**< Simulated faults. */
	NIC_LENIENT, /**< Accept what drivers do where the specification is unclear. */
	NIC_ALT, /**< Other locations of the legacy registers of VFs. */
};

struct nic_conf {
	const char *profile; /**< Name. */
	const char *features; /**< "+name,-name,...", may be NULL. */
	const char *pf_bdf; /**< Full address of the PF. */
	const char *socket_dir; /**< Existing folder for the vfio-user sockets. */
	uint16_t total_vfs, queue_pairs, queue_size, mtu;
	uint32_t speed; /**< Mb/s; UINT32_MAX: unknown. */
	uint8_t mac[6]; /**< Of the PF; the MAC of VF n is higher by n. */
	unsigned int workers;
	/** As in struct vsim_nic_conf. */
	bool shuffled_completions, strict_doorbells, polled_rings, page_per_vq;
	bool sockets_only; /**< The bus stays empty: the sockets are for other clients. */
	uint16_t admin_queues; /**< Of the PF, if it has an admin queue; 0: one. */
	uint8_t pasid_width; /**< Of the PF's PASID capability, 1..20; 0: none. */
	struct {
		enum nic_switch kind;
		const char *text; /**< "name" or "name=number". */
	} switches[NIC_MAX_SWITCHES];
	size_t nb_switches;
};

/**
 * Create the NIC; nic_start() starts its threads and adds it to the bus.
 * @return NULL with the error text in err.
 */
struct nic *nic_create(const struct nic_conf *conf, char *err, size_t err_len);

/** Check the text of a switch. @return 0, or -EINVAL with the error text in err. */
int nic_switch_check(enum nic_switch kind, const char *text, char *err, size_t err_len);

/** Simulate these faults and no others. @return 0, or -EINVAL with the error text in err. */
int nic_faults(struct nic *nic, const char *const *texts, size_t nb, char *err, size_t err_len);

/**
 * Connect a function to a wire; before or while the NIC runs.
 * @param index  0 for the PF, n for VF n (which need not exist yet).
 * @return 0, or -errno with the error text in err.
 */
int nic_wire(struct nic *nic, unsigned int index, const char *spec, char *err, size_t err_len);

/**
 * Start the data plane threads and the thread of the sockets, add the PF to the bus of the host,
 * and create and remove its VFs from now on.
 * @param cpus     Processors of the workers, in order; the list repeats.
 * @param nb_cpus  0: workers are not pinned.
 * @return 0, or -errno with the error text in err.
 */
int nic_start(struct nic *nic, struct host *host, const unsigned int *cpus, size_t nb_cpus,
		char *err, size_t err_len);
/** Add removed functions to the bus again. @return 0 or -errno. */
int nic_rescan(struct nic *nic);

/**
 * Remove all functions from the bus, end the threads and free all. The host must still exist.
 * NULL: no effect.
 */
void nic_destroy(struct nic *nic);

/** Index of an existing function: "pf", "vf3", or an address, with or without domain. -ENODEV. */
int nic_find(struct nic *nic, const char *name);
/** Connect or disconnect the cable. @return 0 or -ENODEV. */
int nic_link_set(struct nic *nic, unsigned int index, bool up);
/** Change the MAC address. @return 0, -ENODEV, or -EINVAL: no unicast address. */
int nic_mac_set(struct nic *nic, unsigned int index, const uint8_t mac[6]);
/** Change the MTU. @return 0, -ENODEV, or -EINVAL: not from 68 to nic_max_mtu(). */
int nic_mtu_set(struct nic *nic, unsigned int index, uint16_t mtu);
/** MTU of the configuration. */
uint16_t nic_max_mtu(const struct nic *nic);
/** Set NEEDS_RESET. @return 0, -ENODEV, or -ENOTCONN: no driver uses the function. */
int nic_break(struct nic *nic, unsigned int index);
/** Parse a unicast MAC address, "02:00:00:00:00:01". @return false: the text is none. */
bool nic_mac_parse(const char *text, uint8_t mac[6]);

/** Current address of a function. @return 0, or -ENODEV: the VF does not exist. */
int nic_bdf(struct nic *nic, unsigned int index, char out[HOST_BDF_LEN]);

/* nic_stats.c: counters as JSON objects, which the caller frees; NULL: out of memory */

/** The NIC: profile, PF, VFs, load of each worker, violations. */
json_t *nic_json(struct nic *nic);
/** A function with summed counters, and with queues an array of its queues. NULL: no such one. */
json_t *nic_fn_json(struct nic *nic, unsigned int index, bool queues);

/* Names, for help texts */

/** Profile number i; false: no more. */
bool nic_profile_at(unsigned int i, const char **name, const char **summary);
/** Name of feature bit i (less than NIC_FEATURE_BITS), or NULL: it has none. */
const char *nic_feature_at(unsigned int i);
#define NIC_FEATURE_BITS 128
/** Whether an existing profile offers a feature bit. */
bool nic_profile_offers(unsigned int profile, unsigned int bit);

#endif /* VSR_SIM_NIC_H */
