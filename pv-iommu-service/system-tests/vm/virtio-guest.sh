#!/usr/bin/env bash
# Boots an unmodified Linux whose IOMMU, disk and hypercalls are served by us over vhost-user, and runs cases in it.
# Usage: virtio-guest.sh [OPTION]... CASE[:ARGUMENT]...    CASE: a file of guest/cases; exit code 0 when all held
#   --iommu SOCKET      virtio-iommu at 00:04.0; needs --viot
#   --viot FILE         ACPI table that says what is behind it: pvi topology viot
#   --disk SOCKET       vhost-user-blk at 00:06.0, endpoint 0x30
#   --hypercall SOCKET  the hypercall device at 00:09.0
#   --edu N             QEMU's edu devices at 00:07.0 and on (0x38, 0x40); they must not do DMA, see docs/qemu.md
#   --config-size N     of the virtio-iommu: 40, or 32 for profile draft-0.11
#   --no-window         no window of IOVAs; otherwise 0x100000000-0x1ffffffff, with --iommu
#   --plain-firmware    firmware that leaves the disk alone, for one whose endpoint is blocked until the kernel has set it up
#   --restarts          the service may go and come again: QEMU connects to the disk again by itself, and for its generic
#                       device, which cannot, a vhost-keeper stands in between
#   --arguments TEXT    more kernel arguments, like iommu.strict=1
#   --qemu TEXT         more arguments for QEMU
#   --seconds N         time limit (300)
#   --logs FOLDER       where console.log, report.log and emulator.log are kept
# Standard output has one line for each case, and notes. The machine is emulated: no KVM, no root.
# Exit codes of its own: 2 something is missing, 124 time limit, 125 the machine ended without a result.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

IOMMU='' VIOT='' DISK='' HYPERCALL='' EDUS=0 CONFIG_SIZE=40 WINDOW=yes RESTARTS='' ARGUMENTS='' FIRMWARE=() EXTRA=() SECONDS_LIMIT=300 LOGS=''
SOCKET_SECONDS=20
LIMIT_REACHED=124
NO_RESULT=125

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed '$d'; }

parse() {
  while [ "$#" -gt 0 ]; do
    case "$1" in
      --iommu) IOMMU="$2" ;;
      --viot) VIOT="$2" ;;
      --disk) DISK="$2" ;;
      --hypercall) HYPERCALL="$2" ;;
      --edu) EDUS="$2" ;;
      --config-size) CONFIG_SIZE="$2" ;;
      --arguments) ARGUMENTS="$2" ;;
      --qemu) read -ra EXTRA <<< "$2" ;;
      --seconds) SECONDS_LIMIT="$2" ;;
      --logs) LOGS="$2" ;;
      --no-window | --plain-firmware | --restarts)
        flag "$1"
        shift
        continue
        ;;
      --help | -h)
        usage
        exit 0
        ;;
      --*) refuse "unknown option $1" ;;
      *) break ;;
    esac
    shift 2 || refuse "$1 needs a value"
  done
  [ "$#" -gt 0 ] || refuse "$(usage)"
  [ -z "$IOMMU" ] || [ -n "$VIOT" ] || refuse "--iommu needs --viot"
  CASES="$(IFS=,; printf '%s' "$*")"
}

flag() {
  case "$1" in
    --no-window) WINDOW='' ;;
    --plain-firmware) FIRMWARE=(-bios qboot.rom) ;;
    --restarts) RESTARTS=yes ;;
  esac
}

# The tree's QEMU, by the tree's own loader and libraries: the host's may be older, and nothing is installed.
emulator() {
  local root="$TREE/root"
  QEMU=("$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu"
    "$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
}

await_socket() {
  local began=$SECONDS
  until [ -S "$1" ]; do
    [ $((SECONDS - began)) -lt "$SOCKET_SECONDS" ] || refuse "no socket $1 after $SOCKET_SECONDS s"
    sleep 0.1
  done
}

# channel ID SOCKET [OPTIONS]
channel() {
  await_socket "$2"
  DEVICES+=(-chardev "socket,id=$1,path=$2${3:-}")
}

# kept_channel ID SOCKET: for the generic device
kept_channel() {
  if [ -n "$RESTARTS" ]; then
    await_socket "$2"
    "$KEEPER" "$WORK/$1.sock" "$2" 2>> "$WORK/keeper.log" < /dev/null &
    KEEPERS+=("$!")
    channel "$1" "$WORK/$1.sock"
  else
    channel "$1" "$2"
  fi
}

devices() {
  local index
  DEVICES=()
  if [ -n "$IOMMU" ]; then
    kept_channel iommu "$IOMMU"
    DEVICES+=(-acpitable "file=$VIOT" -device "vhost-user-test-device-pci,chardev=iommu,virtio-id=23,num_vqs=2,config_size=$CONFIG_SIZE,vq_size=64,addr=04.0,romfile=")
    [ -z "$WINDOW" ] || window
  fi
  if [ -n "$DISK" ]; then
    channel disk "$DISK" "${RESTARTS:+,reconnect-ms=200}"
    DEVICES+=(-device vhost-user-blk-pci,chardev=disk,num-queues=1,queue-size=128,addr=06.0,iommu_platform=on,disable-legacy=on,romfile=)
  fi
  if [ -n "$HYPERCALL" ]; then
    kept_channel hypercall "$HYPERCALL"
    DEVICES+=(-device vhost-user-test-device-pci,chardev=hypercall,virtio-id=38,num_vqs=2,config_size=8,vq_size=64,addr=09.0,romfile=)
  fi
  for ((index = 0; index < EDUS; index++)); do
    DEVICES+=(-device "edu,dma_mask=0xffffffffffffffff,romfile=,addr=$(printf '%x' $((7 + index))).0")
  done
}

# QEMU takes the address of a ring for a guest address and looks it up in memory: memory that the guest never uses.
window() {
  MEMORY+=(-m "512,slots=1,maxmem=8G" -object memory-backend-memfd,id=window,size=4G,share=on
    -device pc-dimm,memdev=window,addr=0x100000000)
  ARGUMENTS="acpi_no_memhotplug $ARGUMENTS"
}

# A panic resets, and a reset ends the emulator: no run waits for the time limit because the guest is dead.
boot() {
  local code=0
  timeout --foreground --kill-after=10 "$SECONDS_LIMIT" "${QEMU[@]}" -M q35,memory-backend=ram \
    -object memory-backend-memfd,id=ram,size=512M,share=on -m 512 "${MEMORY[@]}" "${FIRMWARE[@]}" -accel tcg,thread=multi -smp 2 \
    -cpu max -nodefaults -no-user-config -display none -no-reboot -net none "${DEVICES[@]}" "${EXTRA[@]}" \
    -chardev "file,id=console,path=$WORK/console.log" -serial chardev:console -serial stdio \
    -kernel "$TREE/kernel" -initrd "$WORK/initrd" \
    -append "console=ttyS0 loglevel=6 panic=-1 tsc=reliable no_timer_check mitigations=off $ARGUMENTS pvi.cases=$CASES" \
    < /dev/null 2> "$WORK/emulator.log" | sed -u 's|\r||g' | tee "$WORK/report.log" | grep --line-buffered -v '^exit [0-9]*$' \
    || code=${PIPESTATUS[0]}
  return "$code"
}

finish() {
  [ "${#KEEPERS[@]}" -eq 0 ] || kill "${KEEPERS[@]}" 2> /dev/null || true
  if [ -n "$LOGS" ]; then
    mkdir -p "$LOGS"
    cp "$WORK"/*.log "$LOGS/" 2> /dev/null || true
  fi
  rm -rf "$WORK"
}

# result CODE-OF-THE-EMULATOR
result() {
  local reported
  if [ "$1" -eq "$LIMIT_REACHED" ] || [ "$1" -eq 137 ]; then
    tail -n 15 "$WORK/console.log" >&2
    progress "the machine did not end within $SECONDS_LIMIT s"
    exit "$LIMIT_REACHED"
  fi
  reported="$(sed -n 's/^exit \([0-9][0-9]*\)$/\1/p' "$WORK/report.log" | tail -n 1)"
  if [ -z "$reported" ]; then
    tail -n 30 "$WORK/console.log" "$WORK/emulator.log" >&2
    progress "the machine ended without a result; the emulator's exit code is $1"
    exit "$NO_RESULT"
  fi
  exit "$reported"
}

parse "$@"
require_machine
require_commands timeout
TREE="$("$HERE/tree.sh")"
WORK="$(mktemp -d)"
KEEPERS=()
trap finish EXIT
touch "$WORK/report.log" "$WORK/console.log" "$WORK/emulator.log"
"$HERE/guest-initrd.sh" "$WORK/initrd"
[ -z "$RESTARTS" ] || KEEPER="$("$HERE/keeper.sh")"
MEMORY=()
emulator
devices
CODE=0
boot || CODE=$?
result "$CODE"
