#!/usr/bin/env bash
# Runs a Java program in a virtual machine with an IOMMU and edu devices behind it; its exit code is the program's.
# Usage: run.sh [OPTION]... stock|iommufd CLASS-PATH MAIN-CLASS [ARGUMENT]...
#   stock             Debian's kernel: VFIO type1, by modules
#   iommufd           the own kernel: iommufd, and type1 as well
#   --seconds N       time limit (300)
#   --edu N           how many devices (2)
#   --logs FOLDER     where console.log (the kernel's messages, standard error) and report.log are kept
#   --arguments TEXT  more kernel arguments
#   --iommu TEXT      another IOMMU than intel-iommu, as QEMU's -device takes it
#   --counted         one processor, and time advances with instructions: for counts that can be repeated
# Standard output is the program's. The machine is emulated: it needs no KVM, no root and no device of the host.
# Exit codes of its own: 2 something is missing, 124 time limit, 125 the machine ended without a result.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

SECONDS_LIMIT=300
EDUS=2
LOGS=''
ARGUMENTS=''
IOMMU='intel-iommu,intremap=on,aw-bits=48'
PROCESSOR=(-accel 'tcg,thread=multi' -smp 2)
FIRST_SLOT=4
LIMIT_REACHED=124
NO_RESULT=125

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed '$d'; }

parse() {
  while [ "$#" -gt 0 ]; do
    case "$1" in
      --seconds) SECONDS_LIMIT="$2" ;;
      --edu) EDUS="$2" ;;
      --logs) LOGS="$2" ;;
      --arguments) ARGUMENTS="$2" ;;
      --iommu) IOMMU="$2" ;;
      --counted)
        PROCESSOR=(-accel 'tcg,thread=single' -smp 1 -icount 'shift=0,sleep=off')
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
  [ "$#" -ge 3 ] || refuse "$(usage)"
  case "$1" in
    stock | iommufd) COMMAND=("$@") ;;
    *) refuse "kernel=$1 known: stock, iommufd" ;;
  esac
}

# The tree's QEMU, by the tree's own loader and libraries: the host's may be older, and nothing is installed.
emulator() {
  local root="$TREE/root"
  QEMU=("$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu"
    "$root/usr/bin/qemu-system-x86_64" -L "$root/usr/share/qemu" -L "$root/usr/share/seabios")
}

devices() {
  local index
  DEVICES=(-device "$IOMMU")
  # Without a mask the device would cut addresses to 28 bits.
  for ((index = 0; index < EDUS; index++)); do
    DEVICES+=(-device "edu,dma_mask=0xffffffffffffffff,romfile=,addr=$(printf '%x' $((FIRST_SLOT + index))).0")
  done
}

# In the foreground group, so that Ctrl-C reaches the emulator. A panic resets, and a reset ends the emulator: no run waits for the time limit because the guest is dead.
boot() {
  local code=0
  timeout --foreground --kill-after=10 "$SECONDS_LIMIT" "${QEMU[@]}" -M q35,kernel-irqchip=split "${PROCESSOR[@]}" -cpu max -m 2048 \
    -nodefaults -no-user-config -display none -no-reboot -net none "${DEVICES[@]}" \
    -chardev "file,id=console,path=$WORK/console.log" -serial chardev:console -serial stdio \
    -kernel "$KERNEL" -initrd "$WORK/initrd" \
    -append "console=ttyS0 quiet loglevel=5 panic=-1 intel_iommu=on tsc=reliable no_timer_check mitigations=off $ARGUMENTS" \
    < /dev/null 2> "$WORK/emulator.log" | sed -u 's|\r||g' | tee "$WORK/report.log" | grep --line-buffered -v '^exit [0-9]*$' \
    || code=${PIPESTATUS[0]}
  return "$code"
}

keep_logs() {
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
if [ "${COMMAND[0]}" = iommufd ]; then
  KERNEL="$("$HERE/kernel.sh")/kernel"
else
  KERNEL="$TREE/kernel"
fi
WORK="$(mktemp -d)"
trap keep_logs EXIT
touch "$WORK/report.log" "$WORK/console.log"
"$HERE/initrd.sh" "$WORK/initrd" "${COMMAND[@]}"
emulator
devices
CODE=0
boot || CODE=$?
result "$CODE"
