#!/bin/sh
# gateway.sh KEY: (re)start the proxy with this master key and wait until it lives; its pid is in gateway.pid.
set -eu
export LITELLM_MASTER_KEY="$1" UPSTREAM_URL=http://127.0.0.1:8474/v1 UPSTREAM_KEY=sk-sandbox
export LITELLM_LOCAL_MODEL_COST_MAP=True DISABLE_ADMIN_UI=True LITELLM_LOG=ERROR   # nothing is fetched at the start
"${LITELLM:-litellm}" --config config.yaml --host 127.0.0.1 --port 4000 >>gateway.log 2>&1 </dev/null &
echo $! >gateway.pid
for _ in $(seq 150); do
    curl -sf -m 2 http://127.0.0.1:4000/health/liveliness >/dev/null && exit 0
    sleep 0.2
done
echo "the proxy did not come up: see gateway.log" >&2
exit 1
