/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * vsrctl vf create, vf destroy: the virtual functions of a PF that vfio-pci holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "virtio/vio_dev.h"
#include "virtio/vio_vfio.h"
#include "virtio_spec/features.h"

#include "ctl.h"
#include "sysfs.h"
#include "token.h"

/* ---------------------------------------------------------------- what both commands ask first */

static int
refuse_driver(const struct ctl *ctl, const struct sysfs_fn *fn)
{
	char unbind[128] = "";

	if (fn->driver[0] != '\0')
		snprintf(unbind, sizeof(unbind),
				"; echo %s > %.40s/bus/pci/devices/%s/driver/unbind", fn->bdf,
				ctl->sysfs, fn->bdf);
	return ctl_refuse(ctl,
			"%s is bound to %s, not to vfio-pci: bind it with: "
			"echo vfio-pci > %s/bus/pci/devices/%s/driver_override%s; "
			"echo %s > %s/bus/pci/drivers_probe",
			fn->bdf, fn->driver[0] != '\0' ? fn->driver : "no driver", ctl->sysfs,
			fn->bdf, unbind, fn->bdf, ctl->sysfs);
}

/* The PF of that name, when it is one that VFs can be made of. */
static int
find_pf(const struct ctl *ctl, const char *name, struct sysfs_fn *fn)
{
	char bdf[SYSFS_BDF_LEN];
	int err;

	if (sysfs_bdf_parse(name, bdf) != 0)
		return ctl_refuse(ctl, "\"%s\" is no PCI address such as 0000:01:00.0", name);
	err = sysfs_fn_read(ctl->sysfs, bdf, fn);
	if (err == -ENODEV)
		return ctl_refuse(ctl, "there is no PCI function %s in %s/bus/pci/devices", bdf,
				ctl->sysfs);
	if (err != 0)
		return ctl_refuse(ctl, "cannot read %s/bus/pci/devices/%s: %s", ctl->sysfs, bdf,
				strerror(-err));
	if (!sysfs_fn_is_virtio_net(fn))
		return ctl_refuse(ctl, "%s is no virtio network device (its ids are %04x:%04x)",
				bdf, fn->vendor, fn->device);
	if (fn->pf[0] != '\0')
		return ctl_refuse(ctl, "%s is a VF and cannot have VFs: name its PF, %s", bdf,
				fn->pf);
	if (!fn->has_sriov)
		return ctl_refuse(ctl, "%s is no PF: it has no SR-IOV capability", bdf);
	if (strcmp(fn->driver, "vfio-pci") != 0)
		return refuse_driver(ctl, fn);
	if (fn->group < 0)
		return ctl_refuse(ctl,
				"%s is in no IOMMU group: switch the IOMMU on (intel_iommu=on "
				"or amd_iommu=on on the kernel's command line)",
				bdf);
	return CTL_OK;
}

/* A function that someone uses: its group cannot be opened a second time. */
static bool
group_in_use(int group)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == EBUSY;
	close(fd);
	return false;
}

/* Address of a VF that is open, or NULL. Linux itself would wait for it to be closed, for ever. */
static const char *
find_open_vf(const struct ctl *ctl, const struct sysfs_fn *pf, char bdf[SYSFS_BDF_LEN])
{
	struct sysfs_fn vf;

	for (unsigned int i = 1; i <= pf->num_vfs; i++) {
		if (sysfs_vf_bdf(ctl->sysfs, pf->bdf, i, bdf) == 0 &&
				sysfs_fn_read(ctl->sysfs, bdf, &vf) == 0 && vf.group >= 0 &&
				group_in_use(vf.group))
			return bdf;
	}
	return NULL;
}

/* ---------------------------------------------------------------- create */

static int
parse_count(const struct ctl *ctl, const char *text, const struct sysfs_fn *pf, unsigned int *out)
{
	char *end;
	long count;

	errno = 0;
	count = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0)
		return ctl_refuse(ctl, "\"%s\" is no number of VFs", text);
	if (count == 0)
		return ctl_refuse(ctl,
				"0 VFs cannot be created: to remove them, run vsrctl vf destroy %s",
				pf->bdf);
	if (count < 0 || count > (long)pf->total_vfs)
		return ctl_refuse(ctl, "%s VFs are out of range: %s can have 1 to %u", text,
				pf->bdf, pf->total_vfs);
	*out = (unsigned int)count;
	return CTL_OK;
}

/* VFs that are there already stay as they are. */
static int
refuse_existing(const struct ctl *ctl, const struct sysfs_fn *pf)
{
	char bdf[SYSFS_BDF_LEN];

	if (find_open_vf(ctl, pf, bdf) != NULL)
		return ctl_refuse(ctl,
				"%s has %u VFs already and one of them, %s, is in use: end the "
				"program that uses it, then run vsrctl vf destroy %s",
				pf->bdf, pf->num_vfs, bdf, pf->bdf);
	return ctl_refuse(ctl,
			"%s has %u VFs already: destroy them first with vsrctl vf destroy %s",
			pf->bdf, pf->num_vfs, pf->bdf);
}

static int
refuse_open(const struct ctl *ctl, const struct sysfs_fn *pf, int err, const char *why)
{
	if (err == -EBUSY)
		return ctl_refuse(ctl, "%s is in use by another program: end it first", pf->bdf);
	if (err == -EACCES)
		return ctl_refuse(ctl,
				"%s does not take the VF token: it or a VF of it is in use with "
				"another one",
				pf->bdf);
	if (err == -EPERM)
		return ctl_refuse(ctl,
				"%s cannot be opened: run as root or as the owner of "
				"/dev/vfio/%d",
				pf->bdf, pf->group);
	return ctl_refuse(ctl, "%s cannot be opened through VFIO: %s", pf->bdf, why);
}

/*
 * virtio 1.4 6 "Reserved Feature Bits": VF Enable is set only after VIRTIO_F_SR_IOV was accepted
 * and FEATURES_OK was seen to stick.
 */
static int
accept_sriov(const struct ctl *ctl, const struct sysfs_fn *pf, struct vio_transport *t)
{
	const struct vio_features wanted = VIO_FEATURES(VIRTIO_F_VERSION_1,
			VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_ORDER_PLATFORM, VIRTIO_F_SR_IOV);
	const struct vio_features needed = VIO_FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_SR_IOV);
	struct vio_dev dev;
	int err;

	vio_dev_init(&dev, t);
	err = vio_dev_negotiate(&dev, &wanted, &needed);
	if (err == -EOPNOTSUPP && !vio_features_has(&dev.offered, VIRTIO_F_SR_IOV))
		return ctl_refuse(ctl,
				"%s does not offer VIRTIO_F_SR_IOV (feature bit %d), without "
				"which a driver must not enable its VFs",
				pf->bdf, VIRTIO_F_SR_IOV);
	if (err == -ECONNREFUSED)
		return ctl_refuse(ctl,
				"%s refuses VIRTIO_F_SR_IOV (FEATURES_OK does not stick), so its "
				"VFs must not be enabled",
				pf->bdf);
	if (err != 0)
		return ctl_refuse(ctl, "%s does not come up: %s", pf->bdf, dev.why);
	return CTL_OK;
}

static int
refuse_enable(const struct ctl *ctl, const struct sysfs_fn *pf, unsigned int count, int err)
{
	switch (-err) {
	case EBUSY:
		return ctl_refuse(ctl,
				"the kernel refuses %u VFs of %s: it has VFs already, or one is "
				"in use",
				count, pf->bdf);
	case ERANGE:
		return ctl_refuse(ctl,
				"the kernel refuses %u VFs of %s: that is more than it can have",
				count, pf->bdf);
	case ENOENT:
		return ctl_refuse(ctl,
				"vfio-pci makes no VFs of %s: allow it with: "
				"echo 1 > %s/module/vfio_pci/parameters/enable_sriov",
				pf->bdf, ctl->sysfs);
	case EACCES:
		return ctl_refuse(ctl,
				"%s/bus/pci/devices/%s/sriov_numvfs cannot be written: run as "
				"root",
				ctl->sysfs, pf->bdf);
	default:
		return ctl_refuse(ctl, "the kernel refuses %u VFs of %s: %s", count, pf->bdf,
				strerror(-err));
	}
}

/* With the PF held: the device agrees first, then the token is kept, then the VFs are made. */
static int
enable_vfs(const struct ctl *ctl, const struct sysfs_fn *pf, unsigned int count, const char *token,
		const char *token_file, struct vio_transport *t)
{
	int err = accept_sriov(ctl, pf, t);

	if (err != CTL_OK)
		return err;
	err = token_store(token_file, token);
	if (err != 0)
		return ctl_refuse(ctl, "the VF token cannot be kept in %s: %s", token_file,
				strerror(-err));
	err = sysfs_num_vfs_set(ctl->sysfs, pf->bdf, count);
	if (err != 0) {
		token_drop(token_file);
		return refuse_enable(ctl, pf, count, err);
	}
	return CTL_OK;
}

static int
report_json(const struct ctl *ctl, const struct sysfs_fn *pf, unsigned int count, const char *token,
		const char *token_file)
{
	char option[64];
	json_t *vfs = json_array();

	for (unsigned int i = 1; i <= count; i++) {
		struct sysfs_fn vf;
		char bdf[SYSFS_BDF_LEN];

		if (sysfs_vf_bdf(ctl->sysfs, pf->bdf, i, bdf) != 0 ||
				sysfs_fn_read(ctl->sysfs, bdf, &vf) != 0)
			continue;
		json_array_append_new(
				vfs, json_pack("{s:i, s:s, s:s, s:i}", "vf", (int)i, "pci", bdf,
						     "driver", vf.driver, "iommu_group", vf.group));
	}
	snprintf(option, sizeof(option), "--vfio-vf-token=%s", token);
	return ctl_print_json(
			ctl, json_pack("{s:s, s:i, s:s, s:s, s:s, s:o}", "pf", pf->bdf, "num_vfs",
					     (int)count, "token", token, "token_file", token_file,
					     "testpmd_option", option, "vfs", vfs));
}

static int
report(const struct ctl *ctl, const struct sysfs_fn *pf, unsigned int count, const char *token,
		const char *token_file)
{
	if (ctl->json)
		return report_json(ctl, pf, count, token, token_file);
	printf("%s: %u VF%s created\n", pf->bdf, count, count == 1 ? "" : "s");
	for (unsigned int i = 1; i <= count; i++) {
		struct sysfs_fn vf;
		char bdf[SYSFS_BDF_LEN];

		if (sysfs_vf_bdf(ctl->sysfs, pf->bdf, i, bdf) == 0 &&
				sysfs_fn_read(ctl->sysfs, bdf, &vf) == 0)
			printf("  VF %-3u %s  %s, IOMMU group %d\n", i, bdf,
					vf.driver[0] != '\0' ? vf.driver : "no driver", vf.group);
	}
	printf("VF token, kept in %s; dpdk-testpmd needs:\n  --vfio-vf-token=%s\n", token_file,
			token);
	return CTL_OK;
}

int
cmd_vf_create(const struct ctl *ctl, char *const args[])
{
	char token[TOKEN_LEN], token_file[PATH_MAX], devices[PATH_MAX], why[256] = "";
	struct vio_vfio vfio;
	struct sysfs_fn pf;
	unsigned int count = 0;
	int err;

	if (ctl->token != NULL && token_parse(ctl->token, token) != 0)
		return ctl_refuse(ctl,
				"\"%s\" is no UUID such as f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
				ctl->token);
	err = find_pf(ctl, args[0], &pf);
	if (err == CTL_OK)
		err = parse_count(ctl, args[1], &pf, &count);
	if (err != CTL_OK)
		return err;
	if (pf.num_vfs != 0)
		return refuse_existing(ctl, &pf);
	if (ctl->token == NULL && (err = token_make(token)) != 0)
		return ctl_refuse(ctl, "no random token can be made: %s", strerror(-err));
	if (token_path(ctl->run_dir, pf.bdf, token_file, sizeof(token_file)) != 0)
		return ctl_refuse(ctl, "the folder of the token files has too long a name: %s",
				ctl->run_dir);

	/* Opening the PF with a token sets it; the PF stays open until the VFs are there. */
	snprintf(devices, sizeof(devices), "%s/bus/pci/devices", ctl->sysfs);
	err = vio_vfio_open(&vfio, devices, pf.bdf, token, why, sizeof(why));
	if (err != 0)
		return refuse_open(ctl, &pf, err, why);
	err = enable_vfs(ctl, &pf, count, token, token_file, &vfio.t);
	vio_vfio_close(&vfio);
	return err == CTL_OK ? report(ctl, &pf, count, token, token_file) : err;
}

/* ---------------------------------------------------------------- destroy */

int
cmd_vf_destroy(const struct ctl *ctl, char *const args[])
{
	char bdf[SYSFS_BDF_LEN], token_file[PATH_MAX];
	struct sysfs_fn pf;
	int err = find_pf(ctl, args[0], &pf);

	if (err != CTL_OK)
		return err;
	if (pf.num_vfs == 0)
		return ctl_refuse(ctl, "%s has no VFs", pf.bdf);
	if (find_open_vf(ctl, &pf, bdf) != NULL)
		return ctl_refuse(ctl, "VF %s of %s is in use: end the program that uses it first",
				bdf, pf.bdf);
	err = sysfs_num_vfs_set(ctl->sysfs, pf.bdf, 0);
	if (err == -EBUSY)
		return ctl_refuse(ctl, "the kernel keeps the VFs of %s: one of them is in use",
				pf.bdf);
	if (err != 0)
		return ctl_refuse(
				ctl, "the kernel keeps the VFs of %s: %s", pf.bdf, strerror(-err));
	if (token_path(ctl->run_dir, pf.bdf, token_file, sizeof(token_file)) == 0)
		token_drop(token_file);
	if (ctl->json)
		return ctl_print_json(ctl, json_pack("{s:s, s:i, s:i}", "pf", pf.bdf, "num_vfs", 0,
							   "destroyed", (int)pf.num_vfs));
	printf("%s: %u VF%s destroyed\n", pf.bdf, pf.num_vfs, pf.num_vfs == 1 ? "" : "s");
	return CTL_OK;
}
