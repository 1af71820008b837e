#!/usr/bin/env bash
# Makes the guest's initial file system, which is all it has.
# Usage: initrd.sh OUTPUT stock|iommufd CLASS-PATH MAIN-CLASS [ARGUMENT]...
#   CLASS-PATH  jars and folders, with colons, as java takes it
# From the build of this clone come the example guest in C and the launcher's JVM flags. What the host built runs with
# the host's C library, so that both can be of any release.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

GUEST_PROGRAM="$CLONE/hypercall-abi/target/native/dom0-guest"
LAUNCH="$CLONE/pv-iommu-service/server/target/launch"

put_skeleton() {
  mkdir -p "$STAGE"/{bin,dev,etc,proc,run,sys,tmp,app/launch,app/lib,modules}
  chmod 755 "$STAGE"
  cp "$TREE/root/usr/bin/busybox" "$STAGE/bin/"
  ln -s busybox "$STAGE/bin/sh"
  install -m 755 "$HERE/init" "$STAGE/init"
  printf 'root:x:0:0::/:/bin/sh\npvi:x:1000:1000::/tmp:/bin/sh\n' > "$STAGE/etc/passwd"
  printf 'root:x:0:\npvi:x:1000:\n' > "$STAGE/etc/group"
}

put_modules() {
  [ "$KERNEL" = iommufd ] || cp "$TREE"/modules/*.ko "$STAGE/modules/"
}

# The parts of the class path keep their order and get numbers, as two may have one name.
put_class_path() {
  local part target index=100 path=''
  local IFS=:
  for part in $1; do
    [ -e "$part" ] || continue
    target="lib/$index-$(basename "$part")"
    cp -RL "$part" "$STAGE/app/$target"
    path="$path:/app/$target"
    index=$((index + 1))
  done
  printf '%s\n' "${path#:}" > "$STAGE/app/class-path"
}

put_programs() {
  cp -R "$RUNTIME/jre" "$STAGE/jre"
  cp "$GUEST_PROGRAM" "$STAGE/app/"
  cp "$LAUNCH"/*.args "$STAGE/app/launch/"
  put_libraries "$GUEST_PROGRAM" "$RUNTIME/jre/bin/java" "$RUNTIME"/jre/lib/server/libjvm.so "$RUNTIME"/jre/lib/lib{java,net,nio,zip,jli,verify,management}.so
}

# Under the paths where the dynamic linker will look for them.
put_libraries() {
  local library
  ldd "$@" | grep -o '/[^ ]*' | grep -v ':$' | grep -v "^$RUNTIME" | sort -u | while IFS= read -r library; do
    mkdir -p "$STAGE$(dirname "$library")"
    cp -L "$library" "$STAGE$library"
  done
}

put_command() {
  { printf '%s\n' "-cp" "$(< "$STAGE/app/class-path")"; printf '%s\n' "$@"; } > "$STAGE/app/command"
}

pack() {
  (cd "$STAGE" && find . | "$TREE/root/usr/bin/busybox" cpio -o -H newc -R 0:0 2> /dev/null) > "$1"
}

[ "$#" -ge 4 ] || refuse "usage: initrd.sh OUTPUT stock|iommufd CLASS-PATH MAIN-CLASS [ARGUMENT]..."
OUTPUT="$1" KERNEL="$2" CLASS_PATH="$3"
shift 3
require_commands ldd find
for needed in "$GUEST_PROGRAM" "$LAUNCH/jvm.args" "$LAUNCH/serve.args"; do
  [ -f "$needed" ] || refuse "not built yet: $needed; './pvi version' builds it"
done
TREE="$("$HERE/tree.sh")"
RUNTIME="$("$HERE/runtime.sh")"
STAGE="$(mktemp -d)"
trap 'rm -rf "$STAGE"' EXIT
put_skeleton
put_modules
put_class_path "$CLASS_PATH"
put_programs
put_command "$@"
pack "$OUTPUT"
