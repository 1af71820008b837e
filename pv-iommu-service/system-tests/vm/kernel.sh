#!/usr/bin/env bash
# Prints the folder of the kernel with iommufd, built from Debian's source package and kernel.config:
#   kernel      the kernel
#   config      its whole configuration
#   versions    what it was built from
# The compiler is Debian's as well and runs in a tree of its own, so that the host needs none and the result does not
# depend on it. That needs root or unprivileged user namespaces; 230 MB of packages, 3 GB while it runs.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
# shellcheck source=debian.sh
. "$HERE/debian.sh"

# The series that the measurements in docs/testing.md are from; if the mirror has it no more, the newest after it.
SOURCES=('linux-source-7\.2' 'linux-source-([7-9]|[1-9][0-9])\.[0-9]+')
TOOLS=(base-files bash dash coreutils findutils diffutils sed grep gawk tar gzip xz-utils cpio perl-base python3-minimal
  gcc libc6-dev make flex bison bc libelf-dev libssl-dev)

make_kernel() {
  local folder="$1" log="$1/build.log" source
  require_space 4500 "the kernel's build"
  require_commands unshare chroot tar xz
  can_enter || refuse "the kernel's build needs root, or permission to make user namespaces (unshare --map-root-user)"
  apt_begin "$folder"
  source="$(choose_source)"
  build_in "$folder" "$source" "$log"
  take_result "$folder" "$source"
}

# Entering a tree: as root with a mount namespace, as another user with a user namespace too. Nothing stays mounted.
namespaces() { if [ "$(id -u)" -eq 0 ]; then printf '%s\n' --mount; else printf '%s\n' '--map-root-user --mount'; fi; }

# shellcheck disable=SC2046
can_enter() { unshare $(namespaces) true 2> /dev/null; }

enter() {
  local root="$1"
  shift
  # shellcheck disable=SC2046,SC2016
  unshare $(namespaces) sh -ec 'mount --rbind /dev "$0/dev"; mount --rbind /proc "$0/proc"; exec chroot "$0" "$@"' "$root" \
    env -i PATH=/usr/bin:/usr/sbin HOME=/ LC_ALL=C KBUILD_BUILD_USER=pvi KBUILD_BUILD_HOST=pvi "$@"
}

choose_source() {
  local pattern package
  for pattern in "${SOURCES[@]}"; do
    package="$(newest_package "$pattern")"
    if [ -n "$package" ]; then
      printf '%s\n' "$package"
      return
    fi
  done
  refuse "the mirror has no package $(printf '%s ' "${SOURCES[@]}")"
}

build_in() {
  local folder="$1" source="$2" log="$3" root="$1/root"
  mkdir "$root"
  download "${TOOLS[@]}"
  unpack_all "$root"
  ln -sf gawk "$root/usr/bin/awk" # an alternative, which only a maintainer script would choose
  mkdir -p "$root"/{dev,proc,tmp,linux}
  progress "downloading $source"
  download_alone "$source" "$APT/archives"
  packages_in > "$folder/versions"
  progress "unpacking $source"
  dpkg-deb --fsys-tarfile "$APT/archives/$source"_*.deb | tar -xO "./usr/src/$source.tar.xz" \
    | tar -xJ -C "$root/linux" --strip-components=1
  configure "$root" "$log"
  run_with_heartbeat "$log" "building the kernel (about 5 minutes on 2 idle processors)" \
    enter "$root" make -s -C /linux -j"$(nproc)" bzImage
}

configure() {
  local root="$1" log="$2" line lost=()
  enter "$root" make -s -C /linux tinyconfig > "$log" 2>&1 < /dev/null || refuse "no tinyconfig: $(tail -n 5 "$log")"
  cat "$HERE/kernel.config" >> "$root/linux/.config"
  enter "$root" make -s -C /linux olddefconfig >> "$log" 2>&1 < /dev/null || refuse "no olddefconfig: $(tail -n 5 "$log")"
  while IFS= read -r line; do
    grep -qxF -- "$line" "$root/linux/.config" || lost+=("$line")
  done < <(grep -E '^(# )?CONFIG_' "$HERE/kernel.config")
  [ "${#lost[@]}" -eq 0 ] || refuse "this source has no place for: ${lost[*]}; correct kernel.config"
}

take_result() {
  local folder="$1" source="$2"
  mv "$folder/root/linux/arch/x86/boot/bzImage" "$folder/kernel"
  mv "$folder/root/linux/.config" "$folder/config"
  rm -rf --one-file-system "$folder/root" "$folder/apt" "$folder/build.log"
  progress "kernel from $source: $(stat -c %s "$folder/kernel") bytes"
}

require_machine
cached "kernel-$(hash_of "$HERE/kernel.sh" "$HERE/kernel.config" "$HERE/debian.sh")" make_kernel
