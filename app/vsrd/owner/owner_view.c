/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* What clients see of a PF. */

#include <string.h>

#include "owner_view.h"

void
owner_publish(struct owner_pf *pf)
{
	struct owner_view view = { .used = pf->used };

	if (view.used) {
		view.fn = pf->fn;
		view.up = pf->up;
		view.kept = pf->kept;
		view.adopted = pf->adopted;
		view.admin = pf->admin != NULL;
		view.commands = view.admin ? vio_admin_in_use(pf->admin, VIO_SRIOV) : 0;
		view.nb_queues = view.admin ? vio_admin_nb_queues(pf->admin) : 0;
		view.status = pf->dev.t != NULL ? vio_dev_status(&pf->dev) : 0;
		view.accepted = pf->dev.accepted;
		view.sriov_ret = pf->sriov_ret;
		view.state_err = pf->state_err;
		view.sriov_err = pf->sriov_err;
		view.admin_err = pf->admin_err;
		memcpy(view.token, pf->token, sizeof(view.token));
	}
	pthread_mutex_lock(&pf->view_lock);
	pf->view = view;
	pthread_mutex_unlock(&pf->view_lock);
}

bool
owner_view_at(struct owner *owner, unsigned int i, struct owner_view *view)
{
	struct owner_pf *pf = &owner->pfs[i];

	pthread_mutex_lock(&pf->view_lock);
	*view = pf->view;
	pthread_mutex_unlock(&pf->view_lock);
	view->gone = pf->gone;
	view->needs_reset = pf->needs_reset;
	view->admin_dead = pf->admin_dead;
	view->change = gate_change(&pf->gate, &view->change_s);
	return view->used;
}
