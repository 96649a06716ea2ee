#!/bin/sh
# Saves all streams with their consumers in $BACKUP/new: the first step.
set -eu

rm -rf "$BACKUP/new"
mkdir -p "$BACKUP/new/streams"
nats stream ls --names >"$BACKUP/new/names"
while read -r stream; do
    nats stream backup "$stream" "$BACKUP/new/streams/$stream" --consumers --no-progress </dev/null >/dev/null
done <"$BACKUP/new/names"
rm "$BACKUP/new/names"
