/*
 * GET /api/v1/admin/mesh: the processes that serve the mesh, and how far behind the streams'
 * consumers are (mesh_report.h has the document). Handler; loop thread.
 *
 * The gateway asks itself: an answer of some service would be missing exactly when that service is
 * what is wrong. It may only look: $SRV.INFO, $SRV.STATS, $JS.API.STREAM.LIST and
 * $JS.API.CONSUMER.LIST.*, none of which shows a message. Nobody knows how many will answer a
 * survey, so the answer takes BROKER_SURVEY_MS.
 */
#ifndef OM_GATEWAY_ADMIN_ADMIN_MESH_H
#define OM_GATEWAY_ADMIN_ADMIN_MESH_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

void get_mesh(h2o_req_t *req, struct slice id);

#endif
