#!/usr/bin/env bash
# Prints the folder of what the guest of our virtio devices needs and no package has:
#   pv-iommu.ko   hypercall-abi/linux-module, for the kernel of tree.sh; built without a warning of gcc or sparse
#   vfio-groups, direct-io, iommu-op
#                 the test programs of guest/programs, static
#   versions      what they were built with
# Compiler, headers and kbuild are Debian's, in a tree of their own, as kbuild's tools need that tree's C library. That
# needs root or unprivileged user namespaces; about 100 MB of packages, 0.6 GB in the cache.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
# shellcheck source=debian.sh
. "$HERE/debian.sh"
# shellcheck source=pins.sh
. "$HERE/pins.sh"
# shellcheck source=enter.sh
. "$HERE/enter.sh"

TOOLS=(base-files bash dash coreutils findutils sed grep mawk make gcc-14 libc6-dev sparse perl-base libelf1t64 libssl3t64 zlib1g)
ABI="$CLONE/hypercall-abi"
PROGRAMS="$HERE/guest/programs"

kernel_package() { sed -n 's/^\(linux-image-[^ ]*\) .*/\1/p' "$TREE/versions"; }

# The headers belong to one kernel alone, so their tree is named after it.
make_tools() {
  local folder="$1" package kernel
  kernel="$(kernel_package)"
  require_space 1500 "the compiler for the guest"
  apt_begin "$folder"
  download "${TOOLS[@]}"
  for package in $(header_packages "${kernel#linux-image-}"); do
    download_alone "$package" "$folder/apt/archives" \
      || refuse "the mirror has no $package any more; remove $TREE, so that a newer kernel is taken"
  done
  check_pins "$folder/apt/archives"
  packages_in > "$folder/versions"
  mkdir "$folder/root"
  unpack_all "$folder/root"
  # An alternative and links that only a maintainer script, or a package that is not needed, would make.
  ln -sf mawk "$folder/root/usr/bin/awk"
  ln -sf gcc-14 "$folder/root/usr/bin/gcc"
  mkdir -p "$folder/root"/{dev,proc,tmp,build}
  rm -rf --one-file-system "$folder/apt"
}

# header_packages RELEASE: like 6.12.107+deb13-cloud-amd64; the part before the flavour names what flavours share.
header_packages() {
  local shared="${1%%-*}"
  printf '%s\n' "linux-headers-$1" "linux-headers-$shared-common" "linux-kbuild-$shared"
}

make_guest() {
  local folder="$1"
  stage_sources
  build_module "$folder"
  build_programs "$folder"
  cp "$TOOLS_TREE/versions" "$folder/"
}

stage_sources() {
  STAGE="$TOOLS_TREE/root/build/$$"
  trap 'rm -rf --one-file-system "$STAGE"' EXIT
  mkdir -p "$STAGE"
  cp -R "$ABI/linux-module" "$ABI/include" "$STAGE/"
  cp -R "$PROGRAMS" "$STAGE/programs"
}

build_module() {
  local log="$STAGE/log" kernel
  kernel="$(kernel_package)"
  progress "building pv-iommu.ko for ${kernel#linux-image-}"
  enter_tree "$TOOLS_TREE/root" make -s -C "/build/$$/linux-module" check \
    "KDIR=/usr/src/linux-headers-${kernel#linux-image-}" > "$log" 2>&1 < /dev/null || {
    cat "$log" >&2
    refuse "the module does not build"
  }
  # sparse's words do not all become errors.
  if grep -E '(warning|error): ' "$log" >&2; then
    refuse "the module builds, but not without a warning"
  fi
  cp "$STAGE/linux-module/pv-iommu.ko" "$1/"
}

build_programs() {
  local source name
  for source in "$PROGRAMS"/*.c; do
    name="$(basename "$source" .c)"
    enter_tree "$TOOLS_TREE/root" gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static "-I/build/$$/include" "-I/build/$$/linux-module" \
      -o "/build/$$/$name" "/build/$$/programs/$name.c" || refuse "$name does not build"
    cp "$STAGE/$name" "$1/"
  done
}

sources() { find "$ABI/linux-module" "$ABI/include" "$PROGRAMS" -name '*.[ch]' -o -name Makefile | LC_ALL=C sort; }

require_machine
require_enter "building the guest's module"
TREE="$("$HERE/tree.sh")"
TOOLS_TREE="$(cached "tools-$(hash_of "$(basename "$TREE")" "${TOOLS[*]}" "$HERE/debian.sh" "$HERE/pins")" make_tools)"
# shellcheck disable=SC2046
cached "guest-$(hash_of "$(basename "$TOOLS_TREE")" "$HERE/guest-build.sh" $(sources))" make_guest
