#!/usr/bin/env bash
# Makes sure that a Chromium is here for the browser tests, and says in a sentence what to do when it cannot.
# Silent when there is one. SHOWUP_CHROMIUM names another than the first on PATH.
set -uo pipefail

found() {
  if [ -n "${SHOWUP_CHROMIUM:-}" ]; then
    [ -x "$SHOWUP_CHROMIUM" ]
    return
  fi
  local name
  for name in chromium chromium-browser google-chrome-stable google-chrome; do
    command -v "$name" >/dev/null && return
  done
  return 1
}

refuse() {
  echo "The browser tests need Chromium: $1" >&2
  exit 1
}

found && exit 0
[ -z "${SHOWUP_CHROMIUM:-}" ] || refuse "SHOWUP_CHROMIUM names $SHOWUP_CHROMIUM, which cannot be started."
command -v apt-get >/dev/null || refuse "install it with this system's package manager, or set SHOWUP_CHROMIUM=/path/to/chromium."
[ "$(id -u)" -eq 0 ] || refuse "run 'sudo apt-get install chromium', or set SHOWUP_CHROMIUM=/path/to/chromium."

echo "installing Chromium for the browser tests ..."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
quiet=(-qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
if ! { apt-get "${quiet[@]}" update && apt-get "${quiet[@]}" install -y --no-install-recommends chromium; } >"$log" 2>&1; then
  tail -n 15 "$log" >&2
  refuse "apt-get could not install it (its last words are above)."
fi
found || refuse "apt-get installed it, and it is still not on PATH."
