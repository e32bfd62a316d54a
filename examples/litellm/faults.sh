#!/bin/sh
# faults.sh: each fault in turn, with its time, and a quiet while after it. Takes ten minutes.
set -eu
token=$(sed 's/.*"models": {[^}]*"control_token": "\([^"]*\)".*/\1/' sandbox.json)
key=$(sed -n 's/^LITELLM_KEY=//p' .env)
say() { printf '%s %s\n' "$(date -u +%H:%M:%S.%3N)" "$*"; }
fault() { curl -sf -o /dev/null "$@" -H "Authorization: Bearer $token" http://127.0.0.1:8474/_sandbox/faults; }
upstream() { # name, seconds, fault
    say "$1: begin"
    fault -H 'Content-Type: application/json' -d "$3"
    sleep "$2"
    fault -X DELETE
    say "$1: restored"
    sleep 40
}
say "killed: begin"
kill -9 "$(cat gateway.pid)"
sleep 140
./gateway.sh "$key"
say "killed: restored"
sleep 50
upstream slow 60 '{"kind": "slow", "seconds": 3}'
upstream hang 60 '{"kind": "slow", "seconds": 30}'
upstream "provider's key refused" 45 '{"kind": "unauthorized"}'
say "master key changed: begin"
kill -9 "$(cat gateway.pid)"
./gateway.sh "sk-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
sleep 55
kill -9 "$(cat gateway.pid)"
./gateway.sh "$key"
say "master key changed: restored"
