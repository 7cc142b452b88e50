/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---------------------------------------------------------------- which function */

static int
refuse_driver(const struct pf_host *host, const struct sysfs_fn *fn, struct why *why)
{
	char unbind[128] = "";

	if (fn->driver[0] != '\0')
		snprintf(unbind, sizeof(unbind),
				"; echo %s > %.40s/bus/pci/devices/%s/driver/unbind", fn->bdf,
				host->sysfs, fn->bdf);
	return why_not(why, -ENOTCONN,
			"%s is bound to %s, not to vfio-pci: bind it with: "
			"echo vfio-pci > %s/bus/pci/devices/%s/driver_override%s; "
			"echo %s > %s/bus/pci/drivers_probe",
			fn->bdf, fn->driver[0] != '\0' ? fn->driver : "no driver", host->sysfs,
			fn->bdf, unbind, fn->bdf, host->sysfs);
}

int
pf_find(const struct pf_host *host, const char *name, struct sysfs_fn *fn, struct why *why)
{
	char bdf[BASE_BDF_LEN];
	int err;

	if (base_bdf_expand(name, bdf) != 0)
		return why_not(why, -EINVAL, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				name);
	err = sysfs_fn_read(host->sysfs, bdf, fn);
	if (err == -ENODEV)
		return why_not(why, err, "there is no PCI function %s in %s/bus/pci/devices", bdf,
				host->sysfs);
	if (err != 0)
		return why_not(why, err, "cannot read %s/bus/pci/devices/%s: %s", host->sysfs, bdf,
				strerror(-err));
	if (!sysfs_fn_is_virtio_net(fn))
		return why_not(why, -ENODEV,
				"%s is no virtio network device (its ids are %04x:%04x)", bdf,
				fn->vendor, fn->device);
	if (fn->pf[0] != '\0')
		return why_not(why, -ENODEV, "%s is a VF and cannot have VFs: name its PF, %s", bdf,
				fn->pf);
	if (!fn->has_sriov)
		return why_not(why, -ENODEV, "%s is no PF: it has no SR-IOV capability", bdf);
	if (strcmp(fn->driver, "vfio-pci") != 0)
		return refuse_driver(host, fn, why);
	if (fn->group < 0)
		return why_not(why, -ENOTCONN,
				"%s is in no IOMMU group: switch the IOMMU on (intel_iommu=on "
				"or amd_iommu=on on the kernel's command line)",
				bdf);
	return 0;
}

int
pf_open(const struct pf_host *host, const struct sysfs_fn *fn, const char *token,
		struct vio_vfio *vfio, struct why *why)
{
	char devices[PATH_MAX], text[256] = "";
	int err;

	snprintf(devices, sizeof(devices), "%s/bus/pci/devices", host->sysfs);
	err = vio_vfio_open(vfio, devices, fn->bdf, token, text, sizeof(text));
	switch (-err) {
	case 0:
		return 0;
	case EBUSY:
		return why_not(why, err, "%s is in use by another program: end it first", fn->bdf);
	case EACCES:
		return why_not(why, err,
				"%s does not take the VF token: it or a VF of it is in use with "
				"another one",
				fn->bdf);
	case EPERM:
		return why_not(why, err,
				"%s cannot be opened: run as root or as the owner of /dev/vfio/%d",
				fn->bdf, fn->group);
	default:
		return why_not(why, err, "%s cannot be opened through VFIO: %s", fn->bdf, text);
	}
}

/* ---------------------------------------------------------------- what the device agrees to */

int
pf_negotiate(const struct sysfs_fn *fn, struct vio_dev *dev, const struct vio_features *wanted,
		struct why *why)
{
	int err = vio_dev_negotiate(dev, wanted, NULL);

	if (err == -ECONNREFUSED)
		return why_not(why, err,
				"%s refuses %s (FEATURES_OK does not stick), so its VFs must not "
				"be enabled",
				fn->bdf,
				vio_features_has(&dev->offered, VIRTIO_F_SR_IOV) ?
						"VIRTIO_F_SR_IOV" :
						"its features");
	if (err != 0)
		return why_not(why, err, "%s does not come up: %s", fn->bdf, dev->why);
	return 0;
}

static int
ids_say(const struct pf_host *host, const struct sysfs_fn *fn, struct why *why, int err,
		const char *what)
{
	why_not(why, err, "SR-IOV of %s (%04x:%04x:%04x:%04x) is %s by %s", fn->bdf, fn->vendor,
			fn->device, fn->subsys_vendor, fn->subsys, what, host->ids.file);
	if (err == 0 && host->note != NULL)
		host->note(why->text);
	return err;
}

int
pf_sriov_allowed(const struct pf_host *host, const struct sysfs_fn *fn, const struct vio_dev *dev,
		struct why *why)
{
	const enum id_verdict verdict = idtable_verdict(&host->ids, fn);

	if (verdict == ID_FORBID)
		return ids_say(host, fn, why, -EPERM, "forbidden");
	if (vio_dev_has(dev, VIRTIO_F_SR_IOV))
		return 0;
	if (verdict == ID_PERMIT)
		return ids_say(host, fn, why, 0, "permitted without VIRTIO_F_SR_IOV");
	return why_not(why, -EOPNOTSUPP,
			"%s does not offer VIRTIO_F_SR_IOV (feature bit %d), without which a "
			"driver must not enable its VFs",
			fn->bdf, VIRTIO_F_SR_IOV);
}

/* ---------------------------------------------------------------- how many, and who */

int
pf_count_parse(const struct sysfs_fn *fn, const char *text, unsigned int *count, struct why *why)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0)
		return why_not(why, -EINVAL, "\"%.64s\" is no number of VFs", text);
	if (value == 0)
		return why_not(why, -EINVAL,
				"0 VFs cannot be created: to remove them, run vsrctl vf destroy %s",
				fn->bdf);
	if (value < 0 || value > (long)fn->total_vfs)
		return why_not(why, -ERANGE, "%ld VFs are out of range: %s can have 1 to %u", value,
				fn->bdf, fn->total_vfs);
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
				"VF %u (%s) is in use by a process that cannot be seen from "
				"here",
				user->vf, user->bdf);
}

int
pf_unused(const struct pf_host *host, const struct sysfs_fn *fn, const char *then,
		struct vf_user *users, size_t *nb_users, struct why *why)
{
	int nb = holders_of_vfs(host->sysfs, fn, users, PF_MAX_USERS);
	char first[128], more[32] = "";

	*nb_users = 0;
	if (nb < 0)
		return why_not(why, nb, "it cannot be told who uses the VFs of %s: %s", fn->bdf,
				strerror(-nb));
	if (nb == 0)
		return 0;
	*nb_users = (size_t)nb;
	format_user(&users[0], first, sizeof(first));
	if (nb > 1)
		snprintf(more, sizeof(more), ", and %d more like it", nb - 1);
	return why_not(why, -EBUSY, "%s%s: end the program%s, then %s", first, more,
			nb > 1 ? "s" : "", then);
}

int
pf_has_no_vfs(const struct pf_host *host, const struct sysfs_fn *fn, struct why *why)
{
	struct vf_user *users;
	char then[64];
	size_t nb;
	int err;

	if (fn->num_vfs == 0)
		return 0;
	users = calloc(PF_MAX_USERS, sizeof(*users));
	if (users == NULL)
		return why_not(why, -ENOMEM, "there is no memory");
	snprintf(then, sizeof(then), "run vsrctl vf destroy %s", fn->bdf);
	err = pf_unused(host, fn, then, users, &nb, why);
	free(users);
	if (err == -EBUSY) {
		const struct why who = *why;

		return why_not(why, -EEXIST, "%s has %u VFs already; %.900s", fn->bdf, fn->num_vfs,
				who.text);
	}
	return why_not(why, -EEXIST,
			"%s has %u VFs already: destroy them first with vsrctl vf "
			"destroy %s",
			fn->bdf, fn->num_vfs, fn->bdf);
}

/* ---------------------------------------------------------------- VFs come and go */

int
pf_token_file(const struct pf_host *host, const struct sysfs_fn *fn, char *path, size_t len,
		struct why *why)
{
	int err = token_path(host->run_dir, fn->bdf, path, len);

	return err == 0 ? 0 :
			  why_not(why, err, "the folder of the token files has too long a name: %s",
					  host->run_dir);
}

static int
refuse_enable(const struct pf_host *host, const struct sysfs_fn *fn, unsigned int count, int err,
		struct why *why)
{
	switch (-err) {
	case EBUSY:
		return why_not(why, err,
				"the kernel refuses %u VFs of %s: it has VFs already, or one is "
				"in use",
				count, fn->bdf);
	case ERANGE:
		return why_not(why, err,
				"the kernel refuses %u VFs of %s: that is more than it can have",
				count, fn->bdf);
	case ENOENT:
		return why_not(why, err,
				"vfio-pci makes no VFs of %s: allow it with: "
				"echo 1 > %s/module/vfio_pci/parameters/enable_sriov",
				fn->bdf, host->sysfs);
	case EACCES:
		return why_not(why, err,
				"%s/bus/pci/devices/%s/sriov_numvfs cannot be written: run as "
				"root",
				host->sysfs, fn->bdf);
	default:
		return why_not(why, err, "the kernel refuses %u VFs of %s: %s", count, fn->bdf,
				strerror(-err));
	}
}

int
pf_vfs_enable(const struct pf_host *host, const struct sysfs_fn *fn, unsigned int count,
		const char *token, struct why *why)
{
	char file[PATH_MAX];
	int err = pf_token_file(host, fn, file, sizeof(file), why);

	if (err != 0)
		return err;
	err = token_store(file, token);
	if (err != 0)
		return why_not(why, err, "the VF token cannot be kept in %.512s: %s", file,
				strerror(-err));
	err = sysfs_num_vfs_set(host->sysfs, fn->bdf, count);
	return err == 0 ? 0 : refuse_enable(host, fn, count, err, why);
}

int
pf_vfs_disable(const struct pf_host *host, const struct sysfs_fn *fn, struct why *why)
{
	int err = sysfs_num_vfs_set(host->sysfs, fn->bdf, 0);

	if (err == -EBUSY)
		return why_not(why, err, "the kernel keeps the VFs of %s: one of them is in use",
				fn->bdf);
	if (err != 0)
		return why_not(why, err, "the kernel keeps the VFs of %s: %s", fn->bdf,
				strerror(-err));
	return 0;
}
