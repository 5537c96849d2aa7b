# Starting, watching and stopping the processes of scripts/stack. Sourced, not run.
#
# Every process gets its own process group (set -m), so that Ctrl-C reaches only the script, which then stops
# everything in order, and so that a signal to a group reaches grandchildren as well.

names=() pids=()

# Should the script itself be killed, the kernel ends what it started.
leash=()
if command -v setpriv >/dev/null && setpriv --pdeathsig TERM true 2>/dev/null; then
    leash=(setpriv --pdeathsig TERM)
fi

# start NAME COMMAND...: its output goes to the log of that name.
start() {
    local name=$1
    shift
    ${leash[@]+"${leash[@]}"} "$@" >>"$logs/$name.log" 2>&1 </dev/null 9>&- &
    adopt "$name" $!
}

# Takes a background process into the list. Disowned, so that bash does not comment on its end; it is ours all the same.
adopt() { # NAME PID
    names+=("$1") pids+=("$2")
    disown "$2"
}

last_lines() { # NAME
    [[ -s $logs/$1.log ]] || return 0
    tail -n 12 "$logs/$1.log" | sed 's/^/    /' >&2
}

is_alive() { kill -0 "$1" 2>/dev/null; }

# Fails, with a word on it, when one of ours has ended.
all_alive() {
    local i
    for i in "${!pids[@]}"; do
        is_alive "${pids[i]}" && continue
        say "$(bad) ${names[i]} has ended by itself. Its last words ($logs/${names[i]}.log):" \
            "$(bad) ${names[i]} が終了しました。最後のログ($logs/${names[i]}.log):" >&2
        last_lines "${names[i]}"
        return 1
    done
}

# A sleep during which signals are heard at once.
pause() {
    sleep "$1" 9>&- &
    wait $! || true
}

# wait_until NAME SECONDS COMMAND...: until COMMAND succeeds.
wait_until() {
    local name=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        all_alive || exit 1
        if ((SECONDS >= deadline)); then
            say "$(bad) $name is not ready in time. Its last words ($logs/$name.log):" \
                "$(bad) $name の準備が時間内に整いません。最後のログ($logs/$name.log):" >&2
            last_lines "$name"
            exit 1
        fi
        pause 0.2
    done
}

answers() { curl -fsS --noproxy '*' --max-time 2 -o /dev/null "$1"; }

stop_group() { # PID
    local deadline=$((SECONDS + 10))
    kill -TERM -- "-$1" 2>/dev/null || return 0
    while kill -0 -- "-$1" 2>/dev/null; do
        if ((SECONDS >= deadline)); then
            kill -KILL -- "-$1" 2>/dev/null || true
            break
        fi
        sleep 0.1
    done
}

# stop NAME: one of them, by intent.
stop() {
    local i
    for i in "${!names[@]}"; do
        [[ ${names[i]} == "$1" ]] || continue
        stop_group "${pids[i]}"
        unset "names[i]" "pids[i]"
    done
}

# In the reverse order of their start, so that nobody loses what it needs before it has finished.
stop_all() {
    local order=(${!pids[@]}) i
    disown -a # what is waited for, such as a build, is no longer
    for ((i = ${#order[@]} - 1; i >= 0; i--)); do
        stop_group "${pids[${order[i]}]}"
    done
    names=() pids=()
}

in_use() { [[ -n $(ss -ltnH "sport = :$1") ]]; }

# Prints COUNT ports that nobody listens on.
free_ports() {
    local taken port found=0
    taken=" $(ss -ltnH | awk '{ sub(/.*:/, "", $4); printf "%s ", $4 }')"
    while ((found < $1)); do
        port=$((20000 + RANDOM % 10000))
        [[ $taken == *" $port "* ]] && continue
        taken+="$port "
        echo "$port"
        found=$((found + 1))
    done
}
