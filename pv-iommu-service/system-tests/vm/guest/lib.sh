# shellcheck shell=sh
# For the cases, which run with -eu.

DISK=/dev/vda
# The messages begin with this word, whichever page and access it was.
FAULT='page fault from EP'

note() { echo "note $*" > /dev/ttyS1; }

fail() {
  echo "$*"
  exit 1
}

# load NAME [PARAMETER...]: a module of /modules, unless it is there.
load() {
  name="$1"
  shift
  [ -d "/sys/module/$(echo "$name" | tr - _)" ] || insmod /modules/*-"$name".ko "$@" || fail "cannot load $name"
}

wait_for() {
  for _ in $(seq 50); do
    [ ! -e "$1" ] || return 0
    sleep 0.2
  done
  fail "there is no $1"
}

# The disk, behind the virtio-iommu when the machine has one. Never a plain file of that name. Between ATTACH and the
# reset by its driver the disk has the firmware's ring still, which leads nowhere then: such a fault is nobody's.
use_disk() {
  load virtio-iommu
  load virtio_blk
  wait_for "$DISK"
  [ -b "$DISK" ] || fail "$DISK is no block device"
  [ -e /tmp/first-faults ] || faults > /tmp/first-faults
}

faults() { dmesg | grep -c "$FAULT" || true; }

disk_device() { readlink -f /sys/block/vda/device/..; }

# write_and_compare MIB SEEK-MIB: random data there and back, past the page cache, by requests of different sizes.
write_and_compare() {
  dd if=/dev/urandom of=/w/out bs=1M count="$1" 2> /dev/null
  dd if=/w/out of="$DISK" bs=64k seek="$(($2 * 16))" oflag=direct || fail "writing failed"
  sync
  echo 3 > /proc/sys/vm/drop_caches
  dd if="$DISK" of=/w/in bs=128k skip="$(($2 * 8))" count="$(($1 * 8))" iflag=direct || fail "reading failed"
  cmp /w/out /w/in || fail "what was read is not what was written"
}

