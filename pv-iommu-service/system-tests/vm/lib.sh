# shellcheck shell=bash
# Shared by the scripts of this folder, which set -euo pipefail themselves.
#
# What takes long to make is kept outside the clone, in the cache: one folder for each kind of thing and each hash of
# what the thing is made of. A folder with its final name is complete; it is made under another name, behind a lock,
# and renamed. To start anew: rm -r the cache.

HERE="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/pvi/vm"
# The folder to look a service's module list and libraries up in.
CLONE="$(cd "$HERE/../../.." && pwd)"
PROGRESS_SECONDS=15

progress() { printf 'vm: %s\n' "$*" >&2; }

# Exit code 2 throughout: something that has to be there is not.
refuse() {
  progress "$*"
  exit 2
}

require_commands() {
  local command missing=()
  for command in "$@"; do
    command -v "$command" > /dev/null || missing+=("$command")
  done
  [ "${#missing[@]}" -eq 0 ] || refuse "missing commands: ${missing[*]}"
}

require_machine() {
  [ "$(uname -m)" = x86_64 ] || refuse "the virtual machines need an x86_64 host, this is $(uname -m)"
}

# require_space MIB WHAT-FOR
require_space() {
  local free_mib
  free_mib="$(df -Pm "$CACHE" | awk 'NR == 2 { print $4 }')"
  [ "$free_mib" -ge "$1" ] || refuse "$2 needs $1 MiB in $CACHE, free are $free_mib MiB; XDG_CACHE_HOME chooses another place"
}

# hash_of FILE-OR-TEXT...: a name for what these contain.
hash_of() {
  local part
  for part in "$@"; do
    if [ -f "$part" ]; then
      cat "$part"
    else
      printf '%s\n' "$part"
    fi
  done | sha256sum | cut -c 1-16
}

# cached NAME MAKER: prints the path of the cache's NAME; if it is not there, `MAKER FOLDER` fills a new folder.
cached() {
  local name="$1" maker="$2" began=$SECONDS
  local final="$CACHE/$name" part="$CACHE/$name.part"
  if [ ! -d "$final" ]; then
    mkdir -p "$CACHE"
    (
      flock -n 8 || {
        progress "waiting for another process that makes $name"
        flock 8
      }
      if [ ! -d "$final" ]; then
        rm -rf --one-file-system "$part"
        mkdir "$part"
        "$maker" "$part"
        mv "$part" "$final"
        progress "made $final in $((SECONDS - began)) s"
      fi
    ) 8> "$CACHE/$name.lock" >&2
  fi
  printf '%s\n' "$final"
}

# run_with_heartbeat LOG WHAT COMMAND...: all output goes to LOG; says now and then that it is still alive.
run_with_heartbeat() {
  local log="$1" what="$2" began=$SECONDS child code=0
  shift 2
  "$@" >> "$log" 2>&1 < /dev/null &
  child=$!
  # An interrupted shell must not leave the work running behind it.
  # shellcheck disable=SC2064
  trap "kill $child 2> /dev/null || true; exit 130" INT TERM
  while kill -0 "$child" 2> /dev/null; do
    sleep 1
    (((SECONDS - began) % PROGRESS_SECONDS != 0 || SECONDS == began)) || progress "$what: $((SECONDS - began)) s so far"
  done
  wait "$child" || code=$?
  trap - INT TERM
  if [ "$code" -ne 0 ]; then
    tail -n 25 "$log" >&2
    cp "$log" "$CACHE/failed.log"
    refuse "$what failed with exit code $code; all of its output: $CACHE/failed.log"
  fi
}
