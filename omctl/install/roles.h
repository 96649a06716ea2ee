/*
 * The services' database roles, om_<schema>, which the migrations make without a password.
 *
 * Blocks; uses `pg` outside any transaction.
 */
#ifndef OM_OMCTL_INSTALL_ROLES_H
#define OM_OMCTL_INSTALL_ROLES_H

#include "shared/pg/pg.h"

/* Gives every role om_*, or that of one schema where `schema` is not "", the password in the file
   <directory>/<role>, without its line end. NOT_FOUND when a role has no such file: then none is
   changed. */
enum status roles_set_passwords(struct pg *pg, const char *directory, const char *schema,
                                struct error *error) MUST_CHECK;

#endif
