#!/bin/sh
# Generates the bindings with jextract.
# usage: generate.sh JEXTRACT OUTPUT_FOLDER     (called by the Maven profile "jextract")
set -eu

jextract=$1
output=$2

if ! command -v "$jextract" >/dev/null 2>&1; then
    echo "jextract not found: $jextract" >&2
    echo "Give the folder of a jextract for JDK 25 with -Djextract.home=DIR (it holds bin/jextract), or put jextract on PATH." >&2
    exit 1
fi

# Generated comments carry include paths as they were given; a fixed folder and relative paths keep them alike everywhere.
cd "$(dirname "$0")"
rm -rf "$output"
mkdir -p "$output"
"$jextract" --version >&2
"$jextract" --output "$output" @libc.args libc.h
exec "$jextract" --output "$output" @iommu.args iommu.h
