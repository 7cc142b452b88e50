/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Connection of wires to functions, by specification. Both ends of a peer wire and all members of
 * a switch run on one worker, because a frame is sent and received in the same call.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vsim/wire/vsim_plug.h"
#include "vsim/core/vsim_lock.h"
#include "vsim/wire/vsim_wire.h"

static const struct vsim_wire_ops *const kinds[] = {
	&vsim_wire_null,
	&vsim_wire_tap,
	&vsim_wire_peer,
	&vsim_wire_switch,
	&vsim_wire_pcap,
	&vsim_wire_gen,
};

/** Set the wire of a function number. @return the old wire. Under the lock. */
static struct vsim_wire *
plug(struct vsim_nic *nic, unsigned int index, struct vsim_wire *wire, char *spec)
{
	struct vsim_wire *old = nic->wires[index];

	nic->wires[index] = wire;
	free(nic->wire_spec[index]);
	nic->wire_spec[index] = spec;
	return old;
}

/** After a change: assign wire and worker to every function. Under the lock. */
static void
replug_all(struct vsim_nic *nic)
{
	for (unsigned int i = 0; i < VSIM_MAX_FNS; i++) {
		struct vsim_fn *fn = nic->all[i];

		if (fn == NULL)
			continue;
		if (fn->wire != nic->wires[i] && nic->wires[i] != NULL &&
				nic->wires[i]->ops->start != NULL)
			nic->wires[i]->ops->start(nic->wires[i]);
		fn->wire = nic->wires[i];
		fn->worker = vsim_wire_worker(nic, i);
	}
	vsim_workers_stale(nic);
}

static struct vsim_wire *
wire_open(struct vsim_nic *nic, unsigned int index, const char *spec, char *err, size_t err_len)
{
	size_t len = strcspn(spec, ":");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(spec, kinds[i]->kind, len) == 0 && kinds[i]->kind[len] == '\0')
			return kinds[i]->open(nic, index, spec + len + (spec[len] == ':'), err,
					err_len);
	return vsim_wire_error(EINVAL, err, err_len,
			"unknown wire \"%.*s\": use null, tap, peer, switch, pcap or gen", (int)len,
			spec);
}

int
vsim_nic_wire(struct vsim_nic *nic, unsigned int index, const char *spec, char *err, size_t err_len)
{
	struct vsim_wire *wire, *other = NULL, *old[4] = { NULL };
	char *name = NULL, *other_name = NULL;
	unsigned int nb_old = 0;
	int ret = -ENOMEM;

	if (index > nic->conf.total_vfs) {
		vsim_wire_error(EINVAL, err, err_len,
				"function %u cannot exist: the NIC has the PF (0) and %u VFs",
				index, nic->conf.total_vfs);
		return -EINVAL;
	}
	wire = wire_open(nic, index, spec, err, err_len);
	if (wire == NULL)
		return errno > 0 ? -errno : -EINVAL;
	name = strdup(spec);
	if (name == NULL)
		goto close;
	if (wire->peer >= 0 && (unsigned int)wire->peer != index) {
		char back[32];

		snprintf(back, sizeof(back), "peer:%u", index);
		other_name = strdup(back);
		other = vsim_wire_peer.open(nic, wire->peer, back + strlen("peer:"), err, err_len);
		if (other_name == NULL || other == NULL)
			goto close;
	}

	vsim_nic_lock(nic);
	/* The former other end of a peer wire has no wire now. */
	for (unsigned int i = 0; i < VSIM_MAX_FNS; i++) {
		struct vsim_wire *w = nic->wires[i];

		if (w != NULL && w->peer >= 0 && i != index &&
				(other == NULL || (int)i != wire->peer) &&
				(w->peer == (int)index || (other != NULL && w->peer == wire->peer)))
			old[nb_old++] = plug(nic, i, NULL, NULL);
	}
	old[nb_old++] = plug(nic, index, wire, name);
	if (other != NULL)
		old[nb_old++] = plug(nic, wire->peer, other, other_name);
	replug_all(nic);
	vsim_nic_unlock(nic);
	for (unsigned int i = 0; i < nb_old; i++)
		if (old[i] != NULL)
			old[i]->ops->close(old[i]);
	return 0;

close:
	vsim_wire_error(ENOMEM, err, err_len, "out of memory for a wire");
	free(name);
	free(other_name);
	if (other != NULL)
		other->ops->close(other);
	wire->ops->close(wire);
	return ret;
}

const char *
vsim_nic_wire_spec(const struct vsim_nic *nic, unsigned int index)
{
	return index < VSIM_MAX_FNS && nic->wire_spec[index] != NULL ? nic->wire_spec[index] :
								       "null";
}

void
vsim_wires_close(struct vsim_nic *nic)
{
	for (unsigned int i = 0; i < VSIM_MAX_FNS; i++) {
		struct vsim_wire *wire = plug(nic, i, NULL, NULL);

		if (wire != NULL)
			wire->ops->close(wire);
	}
}
