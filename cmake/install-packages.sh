#!/bin/sh
# Installs what is missing of cmake/debian-packages.txt: install-packages.sh SECTION…   (sections: build, test)
# Costs one dpkg-query when all is there. Messages go to standard error; never asks anything but sudo's own question,
# and that only on a terminal.
set -eu
list=$(dirname -- "$0")/debian-packages.txt

wanted=$(awk -v sections=" $* " '
  /^# section:/ { on = index(sections, " " $3 " ") > 0; next }
  /^[a-z0-9]/ && on { print $1 }' "$list")
if [ -z "$wanted" ]; then
  echo "install-packages: no section named '$*' in $list" >&2
  exit 2
fi
if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "This is not Debian: please install what these packages give:" $wanted >&2
  exit 0  # the build says what it lacks
fi

present=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null | awk '$1 == "ii" { print $2 }' || true)
missing=
for package in $wanted; do
  case "
$present
" in
  *"
$package
"*) ;;
  *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  as_root=sudo
else
  echo "error: packages are missing:$missing" >&2
  echo "hint: as root: apt-get update && $install" >&2
  exit 1
fi
echo "Installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A fresh machine has no package lists, and old lists name files that are gone: hence always an update, which may fail.
if ! { $as_root apt-get update || true; $as_root env DEBIAN_FRONTEND=noninteractive $install; } >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "error: installing packages failed" >&2
  echo "hint: as root: apt-get update && $install" >&2
  exit 1
fi
