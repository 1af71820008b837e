#!/usr/bin/env bash
# Makes a disk image. Usage: image.sh FILE MIB [ext4]
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

[ "$#" -ge 2 ] || refuse "usage: image.sh FILE MIB [ext4]"
[ ! -e "$1" ] || refuse "$1 is there already"
truncate -s "$2M" "$1"
case "${3:-}" in
  '') ;;
  ext4)
    ROOT="$("$HERE/tree.sh")/root"
    "$ROOT/usr/lib64/ld-linux-x86-64.so.2" --library-path "$ROOT/usr/lib/x86_64-linux-gnu" "$ROOT/usr/sbin/mke2fs" -q -F -t ext4 "$1"
    ;;
  *) refuse "unknown file system $3, known: ext4" ;;
esac
