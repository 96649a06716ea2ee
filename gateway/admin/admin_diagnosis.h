/*
 * GET /api/v1/admin/orders/{orderId}/diagnosis: why an order does not go on, of the caller's tenant
 * (shared/diagnosis/diagnosis.h has the document). Handler; loop thread.
 *
 * It asks everybody at once, and goes without those who do not answer: who is away is what it is to
 * tell. Nobody knows how many will answer a survey, so the answer takes BROKER_SURVEY_MS.
 */
#ifndef OM_GATEWAY_ADMIN_ADMIN_DIAGNOSIS_H
#define OM_GATEWAY_ADMIN_ADMIN_DIAGNOSIS_H

#include "shared/base/slice.h"
#include "shared/loop/loop.h"

void get_diagnosis(h2o_req_t *req, struct slice id);

#endif
