# shellcheck shell=bash
# The settings in .env, for the scripts that run this folder's system or look at it. Source it before lib.sh.
# What the environment says counts before the file. OM_ENV_FILE names another file.

read_settings() {
    local file entry given=()
    file=${OM_ENV_FILE:-$(dirname "${BASH_SOURCE[0]}")/../.env}
    [[ -r $file ]] || return 0
    mapfile -t -d '' given < <(env -0 | grep -z '^OM_')
    set -a
    # shellcheck source=/dev/null
    source "$file"
    set +a
    for entry in "${given[@]}"; do
        export "${entry?}"
    done
}

read_settings
