#!/bin/sh
# start.sh: the providers that play Slack, PagerDuty, the phones and the model; the proxy; and showup, in front.
set -eu
umask 077
key="sk-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
cat >.env <<END
SLACK_BOT=xoxb-sandbox
SLACK_APP=xapp-sandbox
PD_ROUTING=R0SANDBOX00000000000000000000000
PD_API=u+sandbox-rest-key
ANA_PHONE=ana-litellm
BO_PHONE=bo-litellm
LITELLM_KEY=$key
END
python="${PYTHON:-python3}"
: >sandbox.json
"$python" -I -m monitor.sandbox slack pagerduty phone models --port slack=8471 --port pagerduty=8472 \
    --port phone=8473 --port models=8474 --record sandbox.jsonl >sandbox.json </dev/null &
sandbox=$!
trap 'kill "$sandbox" "$(cat gateway.pid)" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
until [ -s sandbox.json ]; do sleep 0.2; done
cp "$(sed 's/.*"ca_file": "\([^"]*\)".*/\1/' sandbox.json)" pagerduty-ca.pem
./gateway.sh "$key"
"$python" -I -m monitor.cli run --config showup.yaml --state state
