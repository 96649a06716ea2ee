# shellcheck shell=bash
# The settings in .env, for the scripts that run this folder's system or look at it. Source it before lib.sh.
# What the environment says counts before the file. OM_ENV_FILE names another file.

read_settings() {
    local file said entry given=()
    file=${OM_ENV_FILE:-$(dirname "${BASH_SOURCE[0]}")/../.env}
    if [[ -n ${OM_ENV_FILE:-} && ! -r $file ]]; then
        echo "${0##*/}: OM_ENV_FILE=$file cannot be read" >&2
        exit 1
    fi
    [[ -r $file ]] || return 0
    if grep -q $'\r' "$file"; then
        echo "${0##*/}: $file has the line ends of Windows (CR LF): give it others, such as by dos2unix" >&2
        exit 1
    fi
    # A line that is none would be passed over, and its setting with it.
    if ! said=$(bash -ec 'source "$1"' settings "$file" 2>&1 >/dev/null) && [[ -n $said ]]; then
        echo "${0##*/}: $said: write a setting as NAME=value, without blanks" >&2
        exit 1
    fi
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
