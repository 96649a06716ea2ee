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

# The plan is what the list says: a line a room, and no other way to see or link one.
check_plan() {
    ! grep -nE '^ *room\(([^)]*$|.*LINKS.*USES)' CMakeLists.txt || fail "a room(...) is one line, USES before LINKS (above)"
    ! grep -rnE 'target_(link_libraries|include_directories)\(room_' --include=CMakeLists.txt CMakeLists.txt gateway shared services omctl ||
        fail "rooms see each other by their USES only (above)"
}

# An include names its file from the root of the tree, and is written out: anything else could be found
# without asking the plan. Nor is a source a link to another room's.
check_includes() {
    local own='"(shared|gateway|services|omctl)/([a-z0-9_]+/)*[a-z0-9_]+\.h"'
    ! grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.[ch]' shared gateway services omctl |
        grep -vE "include ($own|<[a-z0-9_-]+(/[A-Za-z0-9_-]+)*\.h>)" ||
        fail "includes that do not begin at a folder of the root (above)"
    ! grep -rnE 'include <(shared|gateway|services|omctl|tests)/' --include='*.[ch]' shared gateway services omctl ||
        fail "includes of ours in angle brackets (above)"
    ! find shared gateway services omctl -type l | grep . || fail "links among sources (above)"
}

# Sources and headers are pairs: a reader of one knows where the other is. A header without a source
# declares no function, or is private to its room (_internal.h).
check_pairs() {
    local file
    while read -r file; do
        [[ -e ${file%.c}.h ]] || fail "$file has no header of its name"
    done < <(find shared gateway services omctl -name '*.c' ! -name main.c | sort)
    while read -r file; do
        [[ -e ${file%.h}.c || $file == *_internal.h ]] || ! declares_functions "$file" ||
            fail "$file declares functions and has no source of its name"
    done < <(find shared gateway services omctl -name '*.h' | sort)
}

# A line from the first column on with a name and a parenthesis, which is neither a type's, a macro's nor
# a static function's.
declares_functions() {
    grep -vE '^(typedef|static|#|[[:space:]]|/|\}|\*)' "$1" | grep -qE '^[A-Za-z_][A-Za-z0-9_ *]*[ *][a-z0-9_]+\('
}

# A folder with sources is a room of the plan, or a service's only one, and small enough to be seen at a
# glance.
check_rooms() {
    local folder count most=16 plan
    plan=$(rooms | cut -d ' ' -f 1)
    while read -r folder; do
        count=$(find "$folder" -maxdepth 1 -name '*.c' ! -name main.c | wc -l)
        ((count <= most)) || fail "$folder has $count sources, more than $most"
        [[ $folder =~ ^services/[^/]+$ ]] || grep -qxF "$folder" <<<"$plan" ||
            fail "$folder has sources and no room(...) in CMakeLists.txt"
    done < <(find shared gateway services omctl -name '*.c' -printf '%h\n' | sort -u)
}
