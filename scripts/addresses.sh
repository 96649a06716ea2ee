# shellcheck shell=bash disable=SC2154 # what servers.sh and go-tools.sh have set
# Where an instance is, for people and for `source`. Source it after servers.sh and go-tools.sh.

demo_body='{"customerId":"C100","email":"c100@example.com","currency":"USD","items":[{"sku":"TSHIRT-BLK-M","quantity":1}],"paymentMethod":"pm_card_visa"}'

# Where the gateway answers: at its address, and at loopback where that is any.
http_url() {
    local address=${OM_HTTP_ADDRESS:-127.0.0.1}
    address=${address#\[} address=${address%\]}
    case $address in
    :: | 0.0.0.0) address=127.0.0.1 ;;
    *:*) address="[$address]" ;;
    esac
    echo "http://$address:$http_port"
}

# export_lines NAME=VALUE...: for `source`.
export_lines() {
    local entry
    for entry in "$@"; do
        printf 'export %s=%q\n' "${entry%%=*}" "${entry#*=}"
    done
}

# Once, however often it is sourced. This instance's omctl is before what is installed, the NATS CLI behind it.
path_line() {
    # shellcheck disable=SC2016 # for the shell that sources it
    printf 'case ":$PATH:" in *:%q:*) ;; *) PATH=%q:$PATH:%q && export PATH ;; esac\n' "$bin" "$bin" "$cache/bin"
}

# write_nats_context FILE USER PASSWORD: for `nats --context FILE`, from shells that have not sourced env. Also as
# ~/.config/nats/context/NAME.json.
write_nats_context() {
    local tls=$secrets/nats-tls
    [[ $nats_scheme == tls ]] || tls=
    (
        umask 077
        jq -n --arg url "$(nats_url)" --arg user "$2" --arg password "$3" --arg tls "$tls" --arg dir "$run_dir" '
            {description: "OrderMesh of \($dir)", url: $url, user: $user, password: $password} +
            if $tls == "" then {} else {ca: "\($tls)/ca.crt", cert: "\($tls)/operator.crt", key: "\($tls)/operator.key"} end' \
            >"$1.new"
    )
    mv "$1.new" "$1"
}

write_nats_contexts() {
    write_nats_context "$run_dir/nats-context.json" operator "$(secret nats_operator)"
    write_nats_context "$run_dir/nats-system-context.json" system "$(secret nats-system)"
}

write_env() {
    local new=$run_dir/env.new nats
    mapfile -t nats < <(nats_environment operator)
    nats+=("NATS_URL=$(nats_url)" NATS_USER=operator "NATS_PASSWORD=$(secret nats_operator)")
    [[ $nats_scheme != tls ]] || nats+=("NATS_CA=$secrets/nats-tls/ca.crt"
        "NATS_CERT=$secrets/nats-tls/operator.crt" "NATS_KEY=$secrets/nats-tls/operator.key")
    (
        umask 077
        {
            echo "# For \`source\`: where this instance is, and omctl. Made by scripts/up. The NATS CLI, nats, is found, too:"
            echo "# where it is not installed, scripts/nats-cli builds it."
            path_line
            export_lines OM_URL="$(http_url)" "${nats[@]}" \
                OM_DATABASE_URL="$(database_url "$database_admin")" OM_REDIS_URL="redis://127.0.0.1:$redis_port"
        } >"$new"
        {
            echo "# As env, but the NATS CLI is the user of the system account: for nats server, nats audit and nats top."
            printf '. %q\n' "$run_dir/env"
            export_lines NATS_USER=system "NATS_PASSWORD=$(secret nats-system)"
        } >"$run_dir/env-system"
    )
    mv "$new" "$run_dir/env"
}

# Whether NAME is a setting: a document or a script has it.
is_setting() {
    grep -rqwF --include='*.md' --include='*.example' --include='*.sh' --include='up' -- "$1" \
        "$root/docs" "$root/.env.example" "$root/scripts"
}

# What is not as one may expect it. `inherited` has the caller's settings.
remarks() {
    local entry
    for entry in "${inherited[@]}"; do
        is_setting "${entry%%=*}" ||
            echo "Nothing is called ${entry%%=*}, so it changes nothing; docs/configuration.md has all settings."
    done
    if [[ $http_port != 8080 && -z ${OM_HTTP_PORT:-} ]] && is_port_taken 8080; then
        echo "Port 8080 is another program's, so the gateway is at $http_port; OM_HTTP_PORT chooses another."
    fi
    command -v nats >/dev/null || echo "scripts/nats-cli builds the NATS CLI, which is not here."
}

print_addresses() {
    local bearer='' url
    url=$(http_url)
    [[ ${OM_AUTH:-none} != jwt ]] || bearer="    -H 'Authorization: Bearer TOKEN' \\"$'\n'
    cat <<END

OrderMesh runs. Its addresses, and omctl, after \`. $(printf %q "$run_dir/env")\`:

  OM_URL           $url
  NATS_URL         $(nats_url), as operator
  OM_DATABASE_URL  postgresql://$database_admin:***@127.0.0.1:$postgres_port/ordermesh
  OM_REDIS_URL     redis://127.0.0.1:$redis_port
$(is_running prometheus && printf '\n%s' "Prometheus, with the alerts, is at http://127.0.0.1:$prometheus_port/alerts")
The operator's console is at $url/console/

Try:

  curl -i $url/api/v1/orders -H 'Content-Type: application/json' \\
    -H 'Idempotency-Key: "k-1"' \\
$bearer    -d '$demo_body'

scripts/status shows the processes, scripts/logs what they say, scripts/down ends them.
$(remarks)
END
}
