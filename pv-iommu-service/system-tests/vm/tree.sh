#!/usr/bin/env bash
# Prints the folder of a small Debian tree with QEMU, a stock kernel with some of its modules, and busybox:
#   root/           the tree; QEMU and mke2fs run from it by its own loader and libraries, see run.sh
#   kernel          the stock kernel
#   modules/        its VFIO modules, unpacked
#   guest-modules/  what a guest of our own devices needs: their drivers, and VFIO
#   versions        what it is
# Needs no root. About 40 MB of packages; 0.4 GB in the cache.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
# shellcheck source=debian.sh
. "$HERE/debian.sh"
# shellcheck source=pins.sh
. "$HERE/pins.sh"

# In the order in which they have to be loaded. ext4 is built in.
VFIO_MODULES=(vfio vfio_iommu_type1 irqbypass vfio-pci-core vfio-pci)
GUEST_MODULES=(virtio-iommu virtio_blk "${VFIO_MODULES[@]}")

make_tree() {
  local folder="$1" kernel
  require_space 1200 "the tree with QEMU"
  apt_begin "$folder"
  kernel="$(newest_package 'linux-image-6\.12[0-9.]*\+deb[0-9]+-cloud-amd64')"
  [ -n "$kernel" ] || refuse "the mirror has no kernel linux-image-6.12*-cloud-amd64"
  download base-files busybox-static e2fsprogs qemu-system-x86
  check_pins "$folder/apt/archives"
  packages_in | grep -E '^(qemu-system-x86|busybox-static|seabios) ' > "$folder/versions"
  mkdir "$folder/root"
  unpack_all "$folder/root"
  take_kernel "$folder" "$kernel"
  rm -rf --one-file-system "$folder/apt"
}

# Only the kernel and a handful of modules: without their package's dependencies, which are an initramfs generator.
take_kernel() {
  local folder="$1" package="$2"
  progress "downloading $package"
  download_alone "$package" "$folder/apt/archives"
  check_pins "$folder/apt/archives"
  packages_in >> "$folder/versions"
  mkdir "$folder/stock"
  dpkg-deb --extract "$folder"/apt/archives/linux-image-*.deb "$folder/stock"
  mv "$folder"/stock/boot/vmlinuz-* "$folder/kernel"
  take_modules "$folder" modules "${VFIO_MODULES[@]}"
  take_modules "$folder" guest-modules "${GUEST_MODULES[@]}"
  rm -rf --one-file-system "$folder/stock"
}

# take_modules FOLDER TARGET MODULE...: numbered, so that the order of their names is the order to load them in.
take_modules() {
  local folder="$1" target="$1/$2" module index=10
  shift 2
  mkdir "$target"
  for module in "$@"; do
    take_module "$folder" "$module" "$target/$index-$module.ko"
    index=$((index + 1))
  done
}

# Busybox's insmod wants it unpacked.
take_module() {
  local folder="$1" module="$2" target="$3" file
  file="$(find "$folder/stock" -name "$module.ko*" -print -quit)"
  case "$file" in
    *.xz) "$folder/root/usr/bin/busybox" xz -dc "$file" > "$target" ;;
    *.ko) cp "$file" "$target" ;;
    *) refuse "kernel package without module $module, or packed in a way that is not known here: '$file'" ;;
  esac
}

require_machine
cached "tree-$(hash_of "$HERE/tree.sh" "$HERE/debian.sh" "$HERE/pins.sh" "$HERE/pins")" make_tree
