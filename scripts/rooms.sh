# shellcheck shell=bash
# The rooms of the house (room(...) in CMakeLists.txt): how docs/architecture.md draws them, and what
# scripts/check holds them to besides what the build does.
#
# Uses fail of scripts/check.

# "room USES..." for each room of the plan in CMakeLists.txt, lowest first.
rooms() {
    sed -nE 's/^ *room\(([^ )]+)( USES ([^)]*))?.*/\1 \3/p' CMakeLists.txt | sed 's/ LINKS .*//'
}

# The floors of the house as a flow chart: each room above those that it uses.
print_floors() {
    rooms | awk '
        function id(room) { gsub(/[^A-Za-z]/, "_", room); return room }
        function house(room) { sub(/\/.*/, "", room); return room }
        function add(room, label) {
            if (!(house(room) in named)) { houses[++count] = house(room); named[house(room)] = 1 }
            nodes[house(room)] = "        " id(room) "[\"" label "\"]\n" nodes[house(room)]
            added[room] = 1
        }
        # a service in one room, which the plan names only where another room uses it
        function add_service(room) {
            if (room !~ /^services\// || room in added) return
            add(room, room)
            edges = "    " id(room) " --> shared_service\n" edges
        }
        { label = $1 }
        sub(/\$\{folder\}/, "services/name") { label = "every other service" }
        {
            for (i = 2; i <= NF; i++) {
                add_service($i)
                edges = "    " id($1) " --> " id($i) "\n" edges
            }
            add($1, label)
        }
        END {
            print "flowchart TB"
            for (i = count; i > 0; i--)
                printf "    subgraph in_%s[\"%s/\"]\n%s    end\n", houses[i], houses[i], nodes[houses[i]]
            printf "%s", edges
        }'
}

# The page with the floors between their markers drawn anew.
print_architecture() {
    awk -v drawing="$(print_floors)" '
        /<!-- rooms:end -->/ { skips = 0 }
        !skips
        /<!-- rooms:begin -->/ { skips = 1; print "\n```mermaid\n" drawing "\n```\n" }' \
        docs/architecture.md
}

# An include names its file from the root of the tree: a path relative to the including file would be
# found without asking the plan.
check_includes() {
    ! grep -rnE '^ *# *include "' --include='*.[ch]' shared gateway services omctl |
        grep -vE '"(shared|gateway|services|omctl)/([a-z0-9_]+/)*[a-z0-9_]+\.h"' ||
        fail "includes that do not begin at a folder of the root (above)"
}

# Sources and headers are pairs: a reader of one knows where the other is. A header without a source
# declares no function, or is private to its room (_internal.h).
check_pairs() {
    local file
    for file in $(find shared gateway services omctl -name '*.c' ! -name main.c | sort); do
        [[ -e ${file%.c}.h ]] || fail "$file has no header of its name"
    done
    for file in $(find shared gateway services omctl -name '*.h' | sort); do
        [[ -e ${file%.h}.c || $file == *_internal.h ]] || ! grep -qE '^(enum|struct|void|bool|int|int64_t|size_t|const|char)[^={;]*[a-z0-9_]+\(' "$file" ||
            fail "$file declares functions and has no source of its name"
    done
}

# A room is small enough to be seen at a glance.
check_rooms() {
    local folder count most=16
    for folder in $(find shared gateway services omctl -name '*.c' -printf '%h\n' | sort -u); do
        count=$(find "$folder" -maxdepth 1 -name '*.c' ! -name main.c | wc -l)
        ((count <= most)) || fail "$folder has $count sources, more than $most"
    done
}
