/* The version of this build (CMakeLists.txt's project version). */
#ifndef OM_SHARED_BASE_VERSION_H
#define OM_SHARED_BASE_VERSION_H

extern const char ordermesh_version[];

#endif
