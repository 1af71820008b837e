#!/usr/bin/env bash
# Prints the path of vhost-keeper (virtio-frontend/keeper), built with this machine's compiler.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

SOURCES="$CLONE/virtio-frontend/keeper"

make_keeper() { make -s -C "$SOURCES" OUT="$1" || refuse "vhost-keeper does not build"; }

require_commands make cc
FOLDER="$(cached "keeper-$(hash_of "$SOURCES"/*.[ch] "$SOURCES/Makefile")" make_keeper)"
printf '%s\n' "$FOLDER/vhost-keeper"
