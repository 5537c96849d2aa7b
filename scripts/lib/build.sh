# Builds the three programs of the pipeline. Sourced, not run. Leaves the folder of the binaries in $bin.

build() {
    command -v cargo >/dev/null ||
        fail "cargo is missing: install Rust, see https://www.rust-lang.org/tools/install" \
            "cargo がありません。Rust をインストールしてください: https://www.rust-lang.org/tools/install"
    local log=$logs/build.log began=$SECONDS count last
    bin=${CARGO_TARGET_DIR:-$root/target}/release
    [[ $bin == /* ]] || bin=$root/$bin
    : >"$log"
    (umask "$build_umask" && cd "$root" && exec cargo build --release --locked -p exporter -p pushgateway-proxy -p alert-bridge) >"$log" 2>&1 </dev/null 9>&- &
    names+=(build) pids+=($!)
    local pid=$!
    [[ -t 1 ]] || say "Building (the first time takes some minutes) …" "ビルドしています(初回は数分かかります)…"
    while is_alive "$pid"; do
        if [[ -t 1 ]]; then
            count=$(grep -c '^ *Compiling ' "$log" || true)
            last=$(tail -n 1 "$log" | tr -d '\r' | cut -c1-60)
            printf '\r\033[K%s' "$(say "Building, ${count} crates, $((SECONDS - began)) s:" "ビルド中、${count} クレート、$((SECONDS - began)) 秒:") $last"
        fi
        pause 0.5
    done
    [[ ! -t 1 ]] || printf '\r\033[K'
    local status=0
    wait "$pid" || status=$?
    # A finished build must not be missed as a process that has ended by itself.
    names=() pids=()
    if ((status)); then
        say "$(bad) the build failed. Its last words ($log):" "$(bad) ビルドに失敗しました。最後のログ($log):" >&2
        tail -n 25 "$log" | sed 's/^/    /' >&2
        exit 1
    fi
}
