#!/usr/bin/env bash
# Prints the folder of a Java runtime for the guest, linked from this machine's JDK (JAVA_HOME, or the java of the PATH).
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

MODULES=(
  java.base
  java.logging     # where all logs end
  java.management  # Micronaut and the meters: what the JVM tells of itself
  jdk.management   #   ... and the operating system's part of it
  java.naming      # Micronaut and the journal's library name it in signatures
  java.desktop     # only java.beans, which Micronaut's and the journal's introspection call
  java.sql         # the journal's library knows its date types
  java.compiler    # the journal's library refers to it; nothing is compiled
  jdk.unsupported  # sun.misc.Unsafe: Netty, Agrona and the journal's library
  jdk.zipfs        # Micronaut looks into its jars as file systems
  jdk.jfr          # Netty's events, never recorded
)

find_jdk() {
  JDK="${JAVA_HOME:-$(dirname "$(dirname "$(readlink -f "$(command -v java || printf '/none/bin/java')")")")}"
  [ -x "$JDK/bin/jlink" ] || refuse "no jlink in $JDK; JAVA_HOME has to name a whole JDK 25"
  grep -q '^JAVA_VERSION="25[.."]' "$JDK/release" || refuse "JAVA_HOME=$JDK is not a JDK 25: $(grep '^JAVA_VERSION=' "$JDK/release")"
}

make_runtime() {
  local list
  require_space 400 "the Java runtime"
  list="$(IFS=,; printf '%s' "${MODULES[*]}")"
  progress "linking a Java runtime for the guest"
  "$JDK/bin/jlink" --add-modules "$list" --strip-debug --no-header-files --no-man-pages --generate-cds-archive \
    --output "$1/jre" > "$1/log" 2>&1 || {
    cat "$1/log" >&2
    refuse "jlink failed"
  }
}

find_jdk
cached "runtime-$(hash_of "$HERE/runtime.sh" "$JDK/release")" make_runtime
