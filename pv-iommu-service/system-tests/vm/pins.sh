# shellcheck shell=bash
# The packages that the results in docs/ are from, by checksum. apt has checked each package against the archive's
# signature already; this catches an archive that has another file under the same name and version.

PINNED="$HERE/pins"

# check_pins FOLDER: of the packages in it. One of another version is let through, but said: a mirror drops old ones.
check_pins() {
  local sum file name
  while read -r sum file; do
    name="${file%%_*}"
    if [ -f "$1/$file" ]; then
      printf '%s  %s\n' "$sum" "$1/$file" | sha256sum --check --status \
        || refuse "$file is not the one that $PINNED has the checksum of"
    elif compgen -G "$1/${name}_*.deb" > /dev/null; then
      progress "not tested with this version: $(cd "$1" && printf '%s ' "${name}"_*.deb)(tested: $file)"
    fi
  done < <(grep -v '^#' "$PINNED")
}
