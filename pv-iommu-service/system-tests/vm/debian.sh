# shellcheck shell=bash
# Debian packages without installing anything: the host's apt, with folders of its own, resolves and downloads them, and
# dpkg-deb only unpacks. No maintainer script runs, no root is needed, and the host's package database is not touched.

SUITE=trixie

# The mirror is this machine's: where its own apt finds Debian's main section.
debian_mirror() {
  local mirror
  mirror="${PVI_DEBIAN_MIRROR:-$(apt-get indextargets --format "\$(RELEASE) \$(COMPONENT) \$(REPO_URI)" 'Created-By: Packages' \
    | awk -v wanted=" $(release_names) " '$2 == "main" && index(wanted, " " $1 " ") { print $3; exit }')}"
  [ -n "$mirror" ] || refuse "this machine's apt has no source of Debian's main section; PVI_DEBIAN_MIRROR=URI names one"
  printf '%s\n' "$mirror"
}

# What a source of this system may call its release.
release_names() {
  # shellcheck disable=SC1091
  printf '%s stable oldstable testing %s\n' "$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")" "$SUITE"
}

# apt_begin FOLDER: what apt keeps for us; apt's own settings (a proxy, for example) hold all the same.
apt_begin() {
  require_commands apt-get apt-cache dpkg-deb
  APT="$1/apt"
  mkdir -p "$APT"/{lists,archives}/partial "$APT/none"
  : > "$APT/status"
  apt_sources > "$APT/sources.list"
  apt_settings > "$APT/apt.conf"
  progress "reading the package lists of $SUITE from $(debian_mirror)"
  # By itself apt calls it a success when a list could not be read.
  apt get -qq -o APT::Update::Error-Mode=any update > "$APT/log" 2>&1 || {
    cat "$APT/log" >&2
    refuse "cannot read the package lists; is the mirror reachable, and is Debian's archive keyring installed and recent?"
  }
}

apt_sources() {
  local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg options='arch=amd64'
  mirror="$(debian_mirror)"
  [ ! -f "$keyring" ] || options="$options signed-by=$keyring"
  printf "deb [$options] $mirror %s main\n" "$SUITE" "$SUITE-backports"
}

# An empty status file: nothing counts as installed, so that whatever is needed is downloaded.
apt_settings() {
  cat << TEXT
APT::Architecture "amd64";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Retries "5";
Acquire::Languages "none";
Dir::State::lists "$APT/lists";
Dir::State::status "$APT/status";
Dir::State::extended_states "$APT/extended";
Dir::Cache "$APT";
Dir::Cache::archives "$APT/archives";
Dir::Etc::sourcelist "$APT/sources.list";
Dir::Etc::sourceparts "$APT/none";
Dir::Etc::preferences "$APT/none/preferences";
Dir::Etc::preferencesparts "$APT/none";
Debug::NoLocking "true";
TEXT
}

# apt get|cache ARGUMENTS
apt() {
  local tool="apt-$1"
  shift
  APT_CONFIG="$APT/apt.conf" LC_ALL=C "$tool" "$@"
}

# download PACKAGE...: these and whatever they depend on, into apt's archives. QEMU is from the backports and wants
# newer libraries than the release has, so everything prefers the backports.
download() {
  progress "downloading $*"
  apt get -qq -y -t "$SUITE-backports" --download-only install "$@" >> "$APT/log" 2>&1 || {
    tail -n 20 "$APT/log" >&2
    refuse "cannot download $*"
  }
}

# One package without what it depends on, into FOLDER.
download_alone() { (cd "$2" && apt get -qq download "$1" >> "$APT/log" 2>&1) || refuse "cannot download $1"; }

# unpack_all ROOT: base-files first, for it brings the links /bin -> usr/bin that the others unpack through.
unpack_all() {
  local package
  for package in "$APT"/archives/base-files_*.deb "$APT"/archives/*.deb; do
    dpkg-deb --extract "$package" "$1"
  done
  rm -f "$APT"/archives/*.deb
}

# newest_package PATTERN: the newest package whose name matches; empty if there is none.
newest_package() { apt cache pkgnames | { grep -E "^$1\$" || true; } | sort -V | tail -n 1; }

# packages_in: "name version" of what was downloaded.
packages_in() {
  local package
  for package in "$APT"/archives/*.deb; do
    # shellcheck disable=SC2016
    dpkg-deb --show --showformat='${Package} ${Version}\n' "$package"
  done
}
