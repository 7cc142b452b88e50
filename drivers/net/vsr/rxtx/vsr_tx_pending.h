/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_TX_PENDING_H
#define VSR_TX_PENDING_H

/**
 * @file
 * TX doorbells that are held back (device argument tx_db_delay_us).
 */

#include "../base/vsr_queue.h"

#define VSR_TX_HOLD_MIN 8 /**< A burst of fewer packets does not hold its doorbell back. */

/** After a publish of nb_sent packets: ring the doorbell if the device wants it, or make it
 * pending. Only the thread of the queue may call this; any thread may call the next two. */
void vsr_txq_doorbell_hold(struct vsr_txq *txq, uint16_t nb_sent);
/** Ring the doorbell if it is pending. @return true if it was. */
bool vsr_txq_pending_ring(struct vsr_txq *txq);
/** Ring the pending doorbells of all TX queues, or only those whose delay is over. */
void vsr_pending_doorbells_ring(struct vsr_dev *dev, bool all);
/** Start the alarm that rings doorbells of an application that makes no more calls. */
void vsr_pending_doorbells_start(struct vsr_dev *dev);
/** Cancel the alarm and ring all pending doorbells; no burst may run. */
void vsr_pending_doorbells_stop(struct vsr_dev *dev);

#endif /* VSR_TX_PENDING_H */
