#!/bin/sh
# Puts back the database of the newest backup, or of $NAME; what is there of it goes.
set -eu

folder=$BACKUP/${NAME:-$(find "$BACKUP" -mindepth 1 -maxdepth 1 -type d -name '20*' -exec basename {} \; | sort | tail -n 1)}
PGOPTIONS='-c client_min_messages=warning' psql "$OM_DATABASE_URL" -X -q -v ON_ERROR_STOP=1 <<'SQL'
SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema')
UNION ALL SELECT format('DROP TABLE public.%I', tablename) FROM pg_tables WHERE schemaname = 'public' \gexec
SQL
pg_restore --exit-on-error --dbname="$OM_DATABASE_URL" "$folder/database"
[ ! -e "$BACKUP/keys/newest" ] || pg_restore --exit-on-error --dbname="$OM_DATABASE_URL" "$BACKUP/keys/newest"
