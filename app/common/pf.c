/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The rules for owners of a PF. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_number.h"
#include "base/base_path.h"
#include "virtio/vio_err.h"
#include "virtio_spec/features.h"

#include "pf.h"

static const char *
env_or(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : otherwise;
}

void
pf_host_init(struct pf_host *host)
{
	memset(host, 0, sizeof(*host));
	host->sysfs = env_or("VSR_SYSFS", "/sys");
	host->run_dir = env_or("VSR_RUN_DIR", "/run/vsr");
}

/* ---------------------------------------------------------------- find, open */

static int
refuse_driver(const struct pf_host *host, const struct sysfs_fn *fn, struct err *err)
{
	char unbind[128] = "";

	if (fn->driver[0] != '\0')
		snprintf(unbind, sizeof(unbind),
				"; echo %s > %.40s/bus/pci/devices/%s/driver/unbind", fn->bdf,
				host->sysfs, fn->bdf);
	return err_set(err, -ENOTCONN,
			"%s is bound to %s, not to vfio-pci: bind it with: "
			"echo vfio-pci > %s/bus/pci/devices/%s/driver_override%s; "
			"echo %s > %s/bus/pci/drivers_probe",
			fn->bdf, fn->driver[0] != '\0' ? fn->driver : "no driver", host->sysfs,
			fn->bdf, unbind, fn->bdf, host->sysfs);
}

int
pf_find(const struct pf_host *host, const char *name, struct sysfs_fn *fn, struct err *err)
{
	char bdf[BASE_BDF_LEN];
	int ret;

	if (base_bdf_expand(name, bdf) != 0)
		return err_set(err, -EINVAL, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				name);
	ret = sysfs_fn_read(host->sysfs, bdf, fn);
	if (ret == -ENODEV)
		return err_set(err, ret, "there is no PCI function %s in %s/bus/pci/devices", bdf,
				host->sysfs);
	if (ret != 0)
		return err_set(err, ret, "cannot read %s/bus/pci/devices/%s: %s", host->sysfs, bdf,
				strerror(-ret));
	if (!sysfs_fn_is_virtio_net(fn))
		return err_set(err, -ENODEV,
				"%s is no virtio network device (its ids are %04x:%04x)", bdf,
				fn->vendor, fn->device);
	if (fn->pf[0] != '\0')
		return err_set(err, -ENODEV, "%s is a VF and cannot have VFs: name its PF, %s", bdf,
				fn->pf);
	if (!fn->has_sriov)
		return err_set(err, -ENODEV, "%s is no PF: it has no SR-IOV capability", bdf);
	if (strcmp(fn->driver, "vfio-pci") != 0)
		return refuse_driver(host, fn, err);
	if (fn->group < 0)
		return err_set(err, -ENOTCONN,
				"%s is in no IOMMU group: enable the IOMMU (intel_iommu=on "
				"or amd_iommu=on on the kernel command line)",
				bdf);
	return 0;
}

int
pf_open(const struct pf_host *host, const struct sysfs_fn *fn, const char *token,
		struct vio_vfio *vfio, struct err *err)
{
	char devices[PATH_MAX];
	int ret;

	snprintf(devices, sizeof(devices), "%s/bus/pci/devices", host->sysfs);
	ret = vio_vfio_open(vfio, devices, fn->bdf, token);
	switch (-ret) {
	case 0:
		return 0;
	case EBUSY:
		return err_set(err, ret, "%s is in use by another program: end it first", fn->bdf);
	case EACCES:
		return err_set(err, ret,
				"%s refuses the VF token: it or one of its VFs is in use with "
				"another token",
				fn->bdf);
	case EPERM:
		return err_set(err, ret,
				"cannot open %s: run as root or as the owner of /dev/vfio/%d",
				fn->bdf, fn->group);
	default:
		return err_set(err, ret, "cannot open %s through VFIO: %s", fn->bdf, vio_err());
	}
}

/* ---------------------------------------------------------------- negotiation */

int
pf_negotiate(const struct sysfs_fn *fn, struct vio_dev *dev, const struct vio_features *wanted,
		struct err *err)
{
	int ret = vio_dev_negotiate(dev, wanted, NULL);

	if (ret == -ECONNREFUSED)
		return err_set(err, ret,
				"%s refuses %s (it clears FEATURES_OK), so its VFs must not "
				"be enabled",
				fn->bdf,
				vio_features_has(&dev->offered, VIRTIO_F_SR_IOV) ?
						"VIRTIO_F_SR_IOV" :
						"its features");
	if (ret != 0)
		return err_set(err, ret, "cannot initialize %s: %s", fn->bdf, vio_err());
	return 0;
}

static int
ids_verdict(const struct pf_host *host, const struct sysfs_fn *fn, struct err *err, int ret,
		const char *what)
{
	err_set(err, ret, "SR-IOV of %s (%04x:%04x:%04x:%04x) is %s by %s", fn->bdf, fn->vendor,
			fn->device, fn->subsys_vendor, fn->subsys, what, host->ids.file);
	if (ret == 0 && host->note != NULL)
		host->note(err->text);
	return ret;
}

int
pf_sriov_allowed(const struct pf_host *host, const struct sysfs_fn *fn, const struct vio_dev *dev,
		struct err *err)
{
	const enum id_verdict verdict = idtable_verdict(&host->ids, fn);

	if (verdict == ID_FORBID)
		return ids_verdict(host, fn, err, -EPERM, "forbidden");
	if (vio_dev_has(dev, VIRTIO_F_SR_IOV))
		return 0;
	if (verdict == ID_PERMIT)
		return ids_verdict(host, fn, err, 0, "permitted without VIRTIO_F_SR_IOV");
	return err_set(err, -EOPNOTSUPP,
			"%s does not offer VIRTIO_F_SR_IOV (feature bit %d), without which a "
			"driver must not enable its VFs",
			fn->bdf, VIRTIO_F_SR_IOV);
}

/* ---------------------------------------------------------------- number and users of VFs */

int
pf_count_parse(const struct sysfs_fn *fn, const char *text, unsigned int *count, struct err *err)
{
	uint64_t value = UINT64_MAX;
	int ret = base_number_parse(text, INT32_MAX, &value);

	if (ret == -EINVAL)
		return err_set(err, -EINVAL, "\"%.64s\" is not a number of VFs", text);
	if (value == 0)
		return err_set(err, -EINVAL,
				"cannot create 0 VFs: to destroy the VFs, run vsrctl vf destroy %s",
				fn->bdf);
	if (value > fn->total_vfs)
		return err_set(err, -ERANGE, "%.64s VFs are out of range: %s can have 1 to %u",
				text, fn->bdf, fn->total_vfs);
	*count = (unsigned int)value;
	return 0;
}

static void
format_user(const struct vf_user *user, char *text, size_t len)
{
	if (user->pid != 0)
		snprintf(text, len, "VF %u (%s) is in use by %s (process %d)", user->vf, user->bdf,
				user->name, (int)user->pid);
	else
		snprintf(text, len,
				"VF %u (%s) is in use by a process that is not visible in "
				"/proc",
				user->vf, user->bdf);
}

int
pf_check_unused(const struct pf_host *host, const struct sysfs_fn *fn, const char *then,
		struct vf_user *users, size_t *nb_users, struct err *err)
{
	int nb = holders_of_vfs(host->sysfs, fn, users, PF_MAX_USERS);
	char first[HOLDER_NAME + 96], more[48] = "";

	*nb_users = 0;
	if (nb < 0)
		return err_set(err, nb, "cannot find the users of the VFs of %s: %s", fn->bdf,
				strerror(-nb));
	if (nb == 0)
		return 0;
	*nb_users = (size_t)nb;
	format_user(&users[0], first, sizeof(first));
	if (nb > 1)
		snprintf(more, sizeof(more), ", and there are %d more users", nb - 1);
	return err_set(err, -EBUSY, "%s%s: end the program%s, then %s", first, more,
			nb > 1 ? "s" : "", then);
}

int
pf_has_no_vfs(const struct pf_host *host, const struct sysfs_fn *fn, struct err *err)
{
	struct vf_user *users;
	char then[64];
	size_t nb;
	int ret;

	if (fn->num_vfs == 0)
		return 0;
	users = calloc(PF_MAX_USERS, sizeof(*users));
	if (users == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	snprintf(then, sizeof(then), "run vsrctl vf destroy %s", fn->bdf);
	ret = pf_check_unused(host, fn, then, users, &nb, err);
	free(users);
	if (ret == -EBUSY) {
		const struct err users_err = *err;

		return err_set(err, -EEXIST, "%s has %u VFs already; %.900s", fn->bdf, fn->num_vfs,
				users_err.text);
	}
	return err_set(err, -EEXIST,
			"%s has %u VFs already: destroy them first with vsrctl vf "
			"destroy %s",
			fn->bdf, fn->num_vfs, fn->bdf);
}

/* ---------------------------------------------------------------- create, destroy */

int
pf_token_file(const struct pf_host *host, const struct sysfs_fn *fn, char *path, size_t len,
		struct err *err)
{
	int ret = token_path(host->run_dir, fn->bdf, path, len);

	return ret == 0 ? 0 :
			  err_set(err, ret, "the path of the folder of token files is too long: %s",
					  host->run_dir);
}

static int
refuse_enable(const struct pf_host *host, const struct sysfs_fn *fn, unsigned int count, int ret,
		struct err *err)
{
	switch (-ret) {
	case EBUSY:
		return err_set(err, ret,
				"the kernel refuses %u VFs of %s: it has VFs already, or one is "
				"in use",
				count, fn->bdf);
	case ERANGE:
		return err_set(err, ret, "the kernel refuses %u VFs of %s: it cannot have so many",
				count, fn->bdf);
	case ENOENT:
		return err_set(err, ret,
				"vfio-pci does not create VFs of %s: allow it with: "
				"echo 1 > %s/module/vfio_pci/parameters/enable_sriov",
				fn->bdf, host->sysfs);
	case EACCES:
		return err_set(err, ret,
				"cannot write %s/bus/pci/devices/%s/sriov_numvfs: run as "
				"root",
				host->sysfs, fn->bdf);
	default:
		return err_set(err, ret, "the kernel refuses %u VFs of %s: %s", count, fn->bdf,
				strerror(-ret));
	}
}

int
pf_vfs_enable(const struct pf_host *host, const struct sysfs_fn *fn, unsigned int count,
		const char *token, struct err *err)
{
	char file[PATH_MAX];
	int ret = pf_token_file(host, fn, file, sizeof(file), err);

	if (ret != 0)
		return ret;
	ret = token_store(file, token);
	if (ret != 0)
		return err_set(err, ret, "cannot store the VF token in %.512s: %s", file,
				base_path_error(ret));
	ret = sysfs_num_vfs_set(host->sysfs, fn->bdf, count);
	return ret == 0 ? 0 : refuse_enable(host, fn, count, ret, err);
}

int
pf_vfs_disable(const struct pf_host *host, const struct sysfs_fn *fn, struct err *err)
{
	int ret = sysfs_num_vfs_set(host->sysfs, fn->bdf, 0);

	if (ret == -EBUSY)
		return err_set(err, ret,
				"the kernel does not destroy the VFs of %s: one of them is in use",
				fn->bdf);
	if (ret != 0)
		return err_set(err, ret, "the kernel does not destroy the VFs of %s: %s", fn->bdf,
				strerror(-ret));
	return 0;
}
