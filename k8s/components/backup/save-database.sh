#!/bin/sh
# Adds the database to what save-streams.sh saved, names it by the time, and keeps the newest $KEEP backups.
set -eu

pg_dump --format=custom --file="$BACKUP/new/database" "$OM_DATABASE_URL"
mv "$BACKUP/new" "$BACKUP/$(date -u +%Y-%m-%dT%H-%M-%SZ)"
find "$BACKUP" -mindepth 1 -maxdepth 1 -type d -name '20*' | sort -r | tail -n "+$((KEEP + 1))" | while read -r old; do
    rm -rf "$old"
done
find "$BACKUP" -mindepth 1 -maxdepth 1 | sort
