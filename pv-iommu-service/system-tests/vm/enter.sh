# shellcheck shell=bash
# Running a program inside an unpacked Debian tree, with what that tree has: its compiler, its C library.

# As root with a mount namespace, as another user with a user namespace too. Nothing stays mounted.
enter_namespaces() { if [ "$(id -u)" -eq 0 ]; then printf '%s\n' --mount; else printf '%s\n' '--map-root-user --mount'; fi; }

# shellcheck disable=SC2046
require_enter() {
  require_commands unshare chroot
  unshare $(enter_namespaces) true 2> /dev/null \
    || refuse "$1 needs root, or permission to make user namespaces (unshare --map-root-user)"
}

# enter_tree ROOT COMMAND...
enter_tree() {
  local root="$1"
  shift
  # shellcheck disable=SC2046,SC2016
  unshare $(enter_namespaces) sh -ec 'mount --rbind /dev "$0/dev"; mount --rbind /proc "$0/proc"; exec chroot "$0" "$@"' "$root" \
    env -i PATH=/usr/bin:/usr/sbin HOME=/ LC_ALL=C KBUILD_BUILD_USER=pvi KBUILD_BUILD_HOST=pvi "$@"
}
