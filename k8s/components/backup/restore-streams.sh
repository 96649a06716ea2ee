#!/bin/sh
# Puts back the streams of the newest backup, or of $NAME; what is there of them goes.
set -eu

folder=$BACKUP/${NAME:-$(find "$BACKUP" -mindepth 1 -maxdepth 1 -type d -name '20*' -exec basename {} \; | sort | tail -n 1)}
test -s "$folder/database"
echo "restoring $folder"
for stream in $(nats stream ls --names); do
    nats stream rm "$stream" --force
done
for stream in "$folder"/streams/*; do
    nats stream restore "$stream" --no-progress >/dev/null
done
