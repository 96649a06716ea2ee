#!/bin/sh
# Adds the database to what save-streams.sh saved, names it by the time, and keeps the newest $KEEP backups.
set -eu

# What opens personal data is apart, in one copy: an older one would open what was erased since.
pg_dump --format=custom --exclude-table-data='notifications.customer_*' --file="$BACKUP/new/database" "$OM_DATABASE_URL"
mkdir -p "$BACKUP/keys"
pg_dump --format=custom --data-only --table='notifications.customer_*' --file="$BACKUP/keys/new" "$OM_DATABASE_URL"
mv "$BACKUP/keys/new" "$BACKUP/keys/newest"
mv "$BACKUP/new" "$BACKUP/$(date -u +%Y-%m-%dT%H-%M-%SZ)"
find "$BACKUP" -mindepth 1 -maxdepth 1 -type d -name '20*' | sort -r | tail -n "+$((KEEP + 1))" | while read -r old; do
    rm -rf "$old"
done
find "$BACKUP" -mindepth 1 -maxdepth 1 | sort
