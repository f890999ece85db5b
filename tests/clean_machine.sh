#!/usr/bin/env bash
# The binary runs with no environment and an empty home, and needs no library that tools/setup.sh did not bring.
# Usage: tests/clean_machine.sh BINARY
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
binary="$(realpath "$1")"
cache="$(realpath "${TICKLAKE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ticklake}")"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

die() { echo "clean machine: $*" >&2; exit 1; }

# ---- every library comes from the cache or from a Debian package that the set-up's packages need ----------------------
named_packages() {  # the -dev packages that setup.sh installs
  sed -n '/^apt_build=(/,/)/p' "$root/tools/setup.sh" | tr -d '()' | sed 's/^apt_build=//' | tr ' ' '\n' | grep . || true
}
needed_packages() {  # and all that they depend on
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances --installed $(named_packages) | grep -E '^[a-z0-9]' | sed 's/:.*//' | sort -u
}
ldd "$binary" >"$scratch/ldd"
! grep 'not found' "$scratch/ldd" >&2 || die "libraries are missing"
needed_packages >"$scratch/needed"
while read -r library; do
  real="$(realpath "$library")"
  case "$real" in "$cache"/*) continue ;; esac
  # dpkg may know a library by its name before /lib became a link to /usr/lib
  package="$(dpkg -S "$real" 2>/dev/null || dpkg -S "${real#/usr}" 2>/dev/null || true)"
  package="${package%%:*}"
  [ -n "$package" ] || die "$library belongs to no Debian package and is not in the cache"
  grep -qx "$package" "$scratch/needed" || die "$library is of $package, which tools/setup.sh does not install"
done < <(awk '/=> \// { print $3 }' "$scratch/ldd")

# ---- a project from nothing, with no environment ----------------------------------------------------------------------
mkdir "$scratch/home" "$scratch/work"
cd "$scratch/work"
clean() { env -i HOME="$scratch/home" "$binary" "$@"; }
clean --help >/dev/null
clean init market
clean validate --project market >/dev/null
clean test --project market >/dev/null
clean run --project market --once
rows="$(clean sql --project market "SELECT count(*) FROM gold_symbols" --output csv | tail -n 1)"
[ "$rows" = 4 ] || die "gold_symbols has $rows rows where 4 symbols were sent"
env -i "$binary" table list --project market --output json >/dev/null
[ -z "$(find "$scratch/home" -mindepth 1)" ] || die "something was left in the home: $(ls -A "$scratch/home")"
echo "clean machine: ok"
