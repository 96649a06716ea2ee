/*
 * Labels of streams and consumers (`metadata`), which servers from 2.10 on keep: whose each is,
 * which schemas its events have, and from when on `nats server check` and `nats audit` call it ill
 * (io.nats.monitor.…, github.com/nats-io/jsm.go/tree/main/monitor).
 *
 * They follow from what is declared already, so no file repeats them. A label that a file has, in
 * "metadata", stays as it is. Plain values; nothing blocks.
 */
#ifndef OM_OMCTL_INSTALL_LABELS_H
#define OM_OMCTL_INSTALL_LABELS_H

#include "omctl/install/resource.h"

/* Adds them to what is declared, where a server of `version` keeps them (0, unknown: it does). Call
   it once it is settled how many replicas there are. */
void labels_add(struct resources *resources, int version);

#endif
