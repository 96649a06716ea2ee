/* What a stream, a consumer and a service are labelled with, for people (`nats stream info`, `nats
   service info`). The values are names, with spaces between them. */
#ifndef OM_SHARED_CONTRACT_LABEL_H
#define OM_SHARED_CONTRACT_LABEL_H

#define LABEL_OWNER "io.ordermesh.owner"         /* the service whose it is */
#define LABEL_SCHEMAS "io.ordermesh.schemas"     /* of events in it, or that it publishes */
#define LABEL_CONSUMERS "io.ordermesh.consumers" /* of a service: ORDERS/order */

#endif
