#!/usr/bin/env bash
# Makes the initial file system of the guest of our virtio devices, which is all it has. Usage: guest-initrd.sh OUTPUT
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

put_skeleton() {
  mkdir -p "$STAGE"/{bin,modules,cases}
  chmod 755 "$STAGE"
  cp "$TREE/root/usr/bin/busybox" "$STAGE/bin/"
  ln -s busybox "$STAGE/bin/sh"
  install -m 755 "$HERE/guest/init" "$STAGE/init"
  install -m 644 "$HERE/guest/lib.sh" "$STAGE/lib.sh"
  cp "$HERE"/guest/cases/* "$STAGE/cases/"
}

put_modules_and_programs() {
  local file
  cp "$TREE"/guest-modules/*.ko "$STAGE/modules/"
  for file in "$BUILT"/*; do
    case "$file" in
      *.ko) cp "$file" "$STAGE/modules/90-$(basename "$file")" ;;
      */versions) ;;
      *) install -m 755 "$file" "$STAGE/bin/" ;;
    esac
  done
}

pack() { (cd "$STAGE" && find . | "$TREE/root/usr/bin/busybox" cpio -o -H newc -R 0:0 2> /dev/null) > "$1"; }

[ "$#" -eq 1 ] || refuse "usage: guest-initrd.sh OUTPUT"
TREE="$("$HERE/tree.sh")"
BUILT="$("$HERE/guest-build.sh")"
STAGE="$(mktemp -d)"
trap 'rm -rf "$STAGE"' EXIT
put_skeleton
put_modules_and_programs
pack "$1"
