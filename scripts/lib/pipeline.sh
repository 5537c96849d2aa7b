# The stages of the pipeline and how each is started. Sourced by scripts/stack, not run.

# First start: a password that nobody has to know, and its hash. The proxy makes CA and certificate itself.
make_credentials() {
    mkdir -p "$data/secrets" "$data/tls" "$data/state"
    if [[ ! -s $data/secrets/push-password ]]; then
        head -c 24 /dev/urandom | base64 | tr -d '\n=+/' >"$data/secrets/push-password"
        rm -f "$data/secrets/htpasswd"
    fi
    # From stdin: an argument would be seen in the list of processes.
    [[ -s $data/secrets/htpasswd ]] || htpasswd -niB prom <"$data/secrets/push-password" >"$data/secrets/htpasswd"
}

render() {
    "$root/scripts/render-config" "$data/config" --speedup "$speedup" \
        --map "pushgateway:9091=127.0.0.1:$port_pushgateway" \
        --map "prometheus:9090=127.0.0.1:$port_prometheus" \
        --map "alertmanager:9093=127.0.0.1:$port_alertmanager" \
        --map "pushgateway-proxy:9444=127.0.0.1:$port_proxy_admin" \
        --map "alert-bridge:9096=127.0.0.1:$port_bridge" \
        --map "alert-bridge:9097=127.0.0.1:$port_bridge_admin"
    # Without such a host XserverPushMissing would fire for ever.
    ((xserver)) || rm -f "$data/config/alert-rules/xserver.yml"
}

check_ports() {
    local entry name port taken=0
    for entry in "pushgateway-proxy:$port_proxy:PROXY" "pushgateway-proxy:$port_proxy_admin:PROXY_ADMIN" \
        "pushgateway:$port_pushgateway:PUSHGATEWAY" "prometheus:$port_prometheus:PROMETHEUS" "alertmanager:$port_alertmanager:ALERTMANAGER" \
        "alert-bridge:$port_bridge:BRIDGE" "alert-bridge:$port_bridge_admin:BRIDGE_ADMIN"; do
        IFS=: read -r name port entry <<<"$entry"
        in_use "$port" || continue
        taken=1
        say "$(bad) port $port, which $name needs, is in use. See who holds it: ss -ltnp 'sport = :$port'; or take another: NOROSHI_PORT_$entry=…" \
            "$(bad) $name が使うポート $port は使用中です。使用者の確認: ss -ltnp 'sport = :$port'。別のポートを使うには: NOROSHI_PORT_$entry=…" >&2
    done
    ((!taken)) || exit 1
}

start_pipeline() {
    mkdir -p "$data/pushgateway" "$data/prometheus" "$data/alertmanager"
    start pushgateway prometheus-pushgateway --web.listen-address="127.0.0.1:$port_pushgateway" \
        --persistence.file="$data/pushgateway/metrics" --persistence.interval=1m

    local options=() value
    for value in ${hostnames[@]+"${hostnames[@]}"}; do options+=(--name "$value"); done
    # A list of one's own takes the place of the default one; this machine stays on it.
    ((${#allowed[@]} == 0)) || options+=(--allow 127.0.0.1/32 --allow ::1/128)
    for value in ${allowed[@]+"${allowed[@]}"}; do options+=(--allow "$value"); done
    start pushgateway-proxy "$bin/pushgateway-proxy" --listen "$listen" --admin-listen "127.0.0.1:$port_proxy_admin" \
        --upstream "http://127.0.0.1:$port_pushgateway" --self-signed "$data/tls" --htpasswd "$data/secrets/htpasswd" ${options[@]+"${options[@]}"}

    # Its log goes to its file; what it prints on stdout are the messages for people, when no webhook is set.
    : >>"$messages"
    ${leash[@]+"${leash[@]}"} "$bin/alert-bridge" --listen "127.0.0.1:$port_bridge" --admin-listen "127.0.0.1:$port_bridge_admin" --data "$data/alert-bridge" \
        --language "$language" \
        >>"$messages" 2>>"$logs/alert-bridge.log" </dev/null 9>&- &
    adopt alert-bridge $!
    ${leash[@]+"${leash[@]}"} tail -n 0 -f "$messages" </dev/null 9>&- &
    adopt messages $!

    start alertmanager prometheus-alertmanager --config.file="$data/config/alertmanager/alertmanager.yml" --storage.path="$data/alertmanager" \
        --web.listen-address="127.0.0.1:$port_alertmanager" --web.external-url="http://127.0.0.1:$port_alertmanager" --cluster.listen-address=
    start prometheus prometheus --config.file="$data/config/prometheus/prometheus.yml" --storage.tsdb.path="$data/prometheus" \
        --storage.tsdb.retention.time=15d --web.listen-address="127.0.0.1:$port_prometheus" --web.external-url="http://127.0.0.1:$port_prometheus"

    wait_until pushgateway 20 answers "http://127.0.0.1:$port_pushgateway/-/ready"
    wait_until pushgateway-proxy 20 answers "http://127.0.0.1:$port_proxy_admin/-/ready"
    wait_until alert-bridge 20 answers "http://127.0.0.1:$port_bridge_admin/-/ready"
    wait_until alertmanager 30 answers "http://127.0.0.1:$port_alertmanager/-/ready"
    wait_until prometheus 60 answers "http://127.0.0.1:$port_prometheus/-/ready"
}

# push_once NAME PATH: PATH follows /metrics/job/host in the URL; without an instance there the exporter adds the host's name.
push_once() {
    PUSHGATEWAY_URL="https://localhost:$port_proxy/metrics/job/$job$2" PUSHGATEWAY_USER=prom PUSHGATEWAY_PASSWORD_FILE="$data/secrets/push-password" \
        PUSHGATEWAY_CACERT="$data/tls/ca.pem" NOROSHI_EXPORTER_STATE="$data/state/$1" \
        env -u PUSHGATEWAY_PASSWORD -u PUSHGATEWAY_INSECURE -u NOROSHI_CONFIG "$bin/noroshi-exporter" push
}

push_loop() {
    local state=good now
    # Should the script be killed, nobody stops this loop but itself.
    while is_alive $$; do
        if push_once "$1" "$2" >>"$logs/$1.log" 2>&1; then now=good; else now=bad; fi
        # Said when it changes, not every minute.
        if [[ $now != "$state" ]]; then
            state=$now
            if [[ $now == bad ]]; then
                say "$(bad) the push failed: $(tail -n 1 "$logs/$1.log")" "$(bad) 送信に失敗しました: $(tail -n 1 "$logs/$1.log")" >&2
            else
                say "$(good) pushes arrive again" "$(good) 送信が再開しました" >&2
            fi
        fi
        sleep "$3"
    done
}

# start_pushing NAME PATH: this host's figures, as often as cron would.
start_pushing() {
    push_loop "$1" "$2" "$(awk -v n="$speedup" 'BEGIN { printf "%.2f", 60 / n }')" </dev/null 9>&- &
    adopt "$1" $!
}

# How many series a query finds: a question to Prometheus in one word.
has_result() {
    curl -fsS --noproxy '*' --max-time 2 --data-urlencode "query=$1" "http://127.0.0.1:$port_prometheus/api/v1/query" | grep -q '"result":\[{'
}
has_no_result() {
    curl -fsS --noproxy '*' --max-time 2 --data-urlencode "query=$1" "http://127.0.0.1:$port_prometheus/api/v1/query" | grep -q '"result":\[\]'
}
