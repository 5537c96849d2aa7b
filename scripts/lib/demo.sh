# What scripts/stack demo shows. Sourced, not run.

demo_seconds=90

told_since() { # OFFSET: whether a message about demo-host was printed after that many bytes
    tail -c "+$(($1 + 1))" "$messages" | grep -q demo-host
}

size_of_messages() { wc -c <"$messages" | tr -d ' '; }

demo() {
    local mark began=$SECONDS
    step "Two hosts push: this machine and a pretended one, demo-host. Times are $speedup times shorter than in earnest." \
        "2 台のホストが送信しています。このマシンと、仮のホスト demo-host です。時間は実際の $speedup 分の 1 に縮めています。"
    start_pushing demo-host /instance/demo-host
    wait_until prometheus 30 has_result 'host:up{instance="demo-host"} == 1'
    step "Prometheus sees demo-host as up. Now its power fails: it stops pushing, and says nothing more." \
        "Prometheus は demo-host を稼働中と見ています。ここで電源が落ち、送信が止まります。"
    mark=$(size_of_messages)
    stop demo-host
    wait_until prometheus "$demo_seconds" has_result 'ALERTS{alertname="HostDown",instance="demo-host",alertstate="pending"}'
    step "Its last push is $((180 / speedup)) s old (3 min in earnest). The alert HostDown waits a little longer, in case a push was only late …" \
        "最後の送信から $((180 / speedup)) 秒(実際は 3 分)たちました。遅れただけかもしれないので、HostDown はもう少し待ちます…"
    wait_until alert-bridge "$demo_seconds" told_since "$mark"
    pause 1
    step "That is the message as Discord would show it. Now demo-host comes back." \
        "これが Discord に届くメッセージです。demo-host を復旧させます。"
    mark=$(size_of_messages)
    start_pushing demo-host /instance/demo-host
    wait_until prometheus "$demo_seconds" has_no_result 'ALERTS{alertname="HostDown",instance="demo-host"}'
    wait_until alert-bridge "$demo_seconds" told_since "$mark"
    pause 1
    step "Told as recovered. That was all, in $((SECONDS - began)) s: exporter, proxy, Pushgateway, Prometheus, Alertmanager, alert-bridge." \
        "復旧も通知されました。$((SECONDS - began)) 秒で一巡です: exporter、proxy、Pushgateway、Prometheus、Alertmanager、alert-bridge。"
}
