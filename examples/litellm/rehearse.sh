#!/bin/sh
# rehearse.sh [FAULT…]: the kit, the proxy with resilience.yaml before it, and each fault asked through every way in.
set -eu
umask 077
LITELLM_KEY="sk-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
export LITELLM_KEY SHOWUP_STATE="$PWD/kit-state" LITELLM_MASTER_KEY="$LITELLM_KEY"
export LITELLM_LOCAL_MODEL_COST_MAP=True DISABLE_ADMIN_UI=True LITELLM_LOG=ERROR
showup="${SHOWUP:-showup}"
mkdir -p "$SHOWUP_STATE"
rm -f "$SHOWUP_STATE/kit.json"
"$showup" kit >kit.log 2>&1 &
kit=$!
proxy=
trap 'kill "$kit" $proxy 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
until [ -s "$SHOWUP_STATE/kit.json" ]; do sleep 0.2; done
KIT_KEY=$(cat "$SHOWUP_STATE/kit.key")
export KIT_KEY KIT_OPENAI=http://127.0.0.1:8480/v1 KIT_ANTHROPIC=http://127.0.0.1:8480
"${LITELLM:-litellm}" --config resilience.yaml --host 127.0.0.1 --port 4000 >gateway.log 2>&1 </dev/null &
proxy=$!
until curl -sf -m 2 -o /dev/null http://127.0.0.1:4000/health/liveliness; do sleep 0.5; done
ask() { # workflow: what showup makes of one question
    "$showup" test "$1/answers" --config resilience-showup.yaml --json 2>/dev/null |
        python3 -c 'import json,sys; r=json.load(sys.stdin); print("%-17s %5.2f s  %s" % (r["failure"] or r["state"], r["took"]/1e6, r["sentence"][:150]))' || true
}
say() { printf '%-42s %-10s %s\n' "$1" "$2" "$3"; }
for way in alone retried backed-up; do ask $way >/dev/null; done   # the first question after a start is slow
for number in 1 2 3 4; do say "question $number" limited "$(ask limited)"; done
[ $# -gt 0 ] || set -- none hang no-first-token idle-gap slow,seconds=2 server-error server-error,times=1 overloaded \
    rate-limited,seconds=1 rate-limited,seconds=1,times=1 unauthorized no-credit model-missing error-in-stream cut \
    no-end empty blank refusal garbage content-filter length reasoning-only
for fault in "$@"; do
    for way in alone retried backed-up; do
        [ "$fault" = none ] || "$showup" kit fault "$fault" --dialect openai >/dev/null
        found=$(ask $way)
        met=$("$showup" kit heal | sed -n 's/.*; \([0-9]*\) request.*/\1/p')
        say "$fault, met ${met:-0} times" "$way" "$found"
    done
done
