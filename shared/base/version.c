#include "shared/base/version.h"

const char ordermesh_version[] = OM_VERSION;
