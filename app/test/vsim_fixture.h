/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_FIXTURE_H
#define VSIM_FIXTURE_H

/**
 * @file
 * A simulated NIC to test, and the few steps of a driver that most cases need.
 *
 * Registers are named, not numbered: the name is looked up in the simulator's own table, whose
 * offsets one case checks against the structure of the specification.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vsim/vsim_regs.h"
#include "vtest.h"

#define FIXTURE_MEM_LEN (256 * 1024)
#define FIXTURE_IOVA UINT64_C(0x100000)

struct fixture {
	struct vsim_nic *nic;
	struct vsim_fn *pf;
	uint8_t *mem; /**< Seen by the PF from FIXTURE_IOVA on. */
};

static inline struct vsim_nic_conf
fixture_conf(const char *profile)
{
	return (struct vsim_nic_conf){
		.profile = vsim_profile_find(profile),
		.total_vfs = 256,
		.queue_pairs = 4,
		.queue_size = 256,
		.mtu = 1500,
		.speed = 25000,
		.mac = { 0x02, 0, 0, 0, 0xff, 0xf0 },
		.workers = 1,
	};
}

static inline struct fixture
fixture_from(const struct vsim_nic_conf *conf)
{
	struct fixture f = { 0 };
	char err[256] = "";

	f.nic = vsim_nic_create(conf, err, sizeof(err));
	VTEST(f.nic != NULL);
	f.pf = vsim_nic_fn(f.nic, 0);
	VTEST(f.pf != NULL);
	f.mem = mmap(NULL, FIXTURE_MEM_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	VTEST(f.mem != MAP_FAILED);
	VTEST_EQ(vsim_fn_dma_map_ptr(f.pf, FIXTURE_IOVA, FIXTURE_MEM_LEN, PROT_READ | PROT_WRITE,
				 f.mem),
			0);
	return f;
}

static inline struct fixture
fixture_make(const char *profile)
{
	struct vsim_nic_conf conf = fixture_conf(profile);

	return fixture_from(&conf);
}

static inline void
fixture_free(struct fixture *f)
{
	vsim_nic_destroy(f->nic);
	munmap(f->mem, FIXTURE_MEM_LEN);
}

static inline const struct vsim_reg *
fixture_reg(const char *name)
{
	for (size_t i = 0; i < vsim_nb_common_regs; i++)
		if (strcmp(vsim_common_regs[i].name, name) == 0)
			return &vsim_common_regs[i];
	fprintf(stderr, "no register %s\n", name);
	abort();
}

static inline uint32_t
reg_read(struct vsim_fn *fn, const char *name)
{
	const struct vsim_reg *reg = fixture_reg(name);
	uint32_t value = 0;

	VTEST_EQ(vsim_fn_read(fn, VSIM_BAR, VSIM_REG_COMMON + reg->offset, &value, reg->width), 0);
	return le32toh(value);
}

static inline void
reg_write(struct vsim_fn *fn, const char *name, uint32_t value)
{
	const struct vsim_reg *reg = fixture_reg(name);

	value = htole32(value);
	VTEST_EQ(vsim_fn_write(fn, VSIM_BAR, VSIM_REG_COMMON + reg->offset, &value, reg->width), 0);
}

static inline uint32_t
config_read(struct vsim_fn *fn, uint64_t offset, size_t len)
{
	uint32_t value = 0;

	VTEST_EQ(vsim_fn_read(fn, VSIM_REGION_CONFIG, offset, &value, len), 0);
	return le32toh(value);
}

static inline void
config_write(struct vsim_fn *fn, uint64_t offset, uint32_t value, size_t len)
{
	value = htole32(value);
	VTEST_EQ(vsim_fn_write(fn, VSIM_REGION_CONFIG, offset, &value, len), 0);
}

static inline uint64_t
violations(const struct vsim_fn *fn, unsigned int rule)
{
	return fn->counters->violations[rule];
}

static inline uint64_t
violations_all(const struct vsim_fn *fn)
{
	uint64_t n = 0;

	for (unsigned int rule = 0; rule < VSIM_RULES; rule++)
		n += fn->counters->violations[rule];
	return n;
}

/** Set NumVFs and VF Enable. @return VF 1 */
static inline struct vsim_fn *
vfs_make(const struct fixture *f, uint16_t n)
{
	uint16_t sriov = f->nic->layout[0].sriov;

	config_write(f->pf, sriov + offsetof(struct pci_sriov_cap, num_vfs), n, 2);
	config_write(f->pf, sriov + offsetof(struct pci_sriov_cap, control),
			PCI_SRIOV_CTRL_VF_ENABLE | PCI_SRIOV_CTRL_VF_MSE, 2);
	return vsim_nic_fn(f->nic, 1);
}

/** Reset, and the first two steps. */
static inline void
driver_start(struct vsim_fn *fn)
{
	reg_write(fn, "device_status", 0);
	VTEST_EQ(reg_read(fn, "device_status"), 0);
	reg_write(fn, "device_status", VIRTIO_STATUS_ACKNOWLEDGE);
	reg_write(fn, "device_status", VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
}

static inline void
driver_features(struct vsim_fn *fn, const struct vsim_features *features)
{
	for (unsigned int i = 0; i < 4; i++) {
		reg_write(fn, "driver_feature_select", i);
		reg_write(fn, "driver_feature", features->w[i / 2] >> (32 * (i % 2)));
	}
}

/** Up to FEATURES_OK. @return true when it stuck. */
static inline bool
driver_negotiate(struct vsim_fn *fn, const struct vsim_features *features)
{
	uint8_t status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
			VIRTIO_STATUS_FEATURES_OK;

	driver_start(fn);
	driver_features(fn, features);
	reg_write(fn, "device_status", status);
	return reg_read(fn, "device_status") & VIRTIO_STATUS_FEATURES_OK;
}

/** Bytes that the rings of one queue get, all three parts. */
#define FIXTURE_QUEUE_LEN 8192

/** Set up and enable a queue; its rings stand at index times FIXTURE_QUEUE_LEN. size up to 256. */
static inline void
driver_queue(struct vsim_fn *fn, uint16_t qi, uint16_t size)
{
	uint64_t at = FIXTURE_IOVA + (uint64_t)qi * FIXTURE_QUEUE_LEN;

	reg_write(fn, "queue_select", qi);
	reg_write(fn, "queue_size", size);
	reg_write(fn, "queue_desc_lo", at);
	reg_write(fn, "queue_desc_hi", at >> 32);
	reg_write(fn, "queue_driver_lo", at + 4096);
	reg_write(fn, "queue_driver_hi", at >> 32);
	reg_write(fn, "queue_device_lo", at + 5120);
	reg_write(fn, "queue_device_hi", at >> 32);
	reg_write(fn, "queue_enable", 1);
}

static inline void
driver_ok(struct vsim_fn *fn)
{
	reg_write(fn, "device_status",
			VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
					VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
	VTEST(reg_read(fn, "device_status") & VIRTIO_STATUS_DRIVER_OK);
}

static inline struct vsim_features
features_of(const unsigned int *bits, size_t count)
{
	struct vsim_features f = { { 0 } };

	for (size_t i = 0; i < count; i++)
		vsim_features_put(&f, bits[i], true);
	return f;
}
#define FEATURES(...)                                      \
	features_of((const unsigned int[]){ __VA_ARGS__ }, \
			sizeof((const unsigned int[]){ __VA_ARGS__ }) / sizeof(unsigned int))

#endif /* VSIM_FIXTURE_H */
