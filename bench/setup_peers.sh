#!/usr/bin/env bash
# Puts the programs that side_by_side.py compares with under one folder, without touching the system's own packages:
#   bin/restic, bin/rclone   static binaries, unpacked from Debian's packages
#   chroot/                  a small Debian with borg 1.4 and borg 2 (beta)
# Signatures are checked. What is there already is kept, so it can be run again after a failure.
# To be rid of it all: rm -rf the folder.  Without it, side_by_side.py uses what it finds in PATH.
set -euo pipefail

usage() {
  cat <<EOF
Usage: setup_peers.sh [--help] [DIR]      (root; Debian or a relative of it; about two minutes and 700 MB)

DIR         where to put them; default \$HOLDFAST_PEERS, else /opt/holdfast-peers
\$MIRROR     Debian mirror; default: the one this machine uses if it is a Debian, else http://deb.debian.org/debian
\$SUITE      Debian suite to take them from; default sid, which carries the newest
EOF
}
case "${1:-}" in -h | --help) usage; exit 0 ;; -*) usage >&2; exit 2 ;; esac

peers=${1:-${HOLDFAST_PEERS:-/opt/holdfast-peers}}
suite=${SUITE:-sid}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() { echo "error: $1" >&2; echo "hint: $2" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "a chroot needs root" "run it with sudo, or install restic and borg yourself: those in PATH are used"
command -v apt-get >/dev/null || fail "there is no apt-get here" "install restic and borg yourself: those in PATH are used"

mirror_of_this_machine() {
  [ "$(. /etc/os-release && echo "$ID")" = debian ] || return 0
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '$1 == "URIs:" && $2 !~ /security/ {print $2; exit}' | grep . ||
    awk '$1 == "deb" && $2 ~ /^http/ && $2 !~ /security/ {print $2; exit}' /etc/apt/sources.list 2>/dev/null || true
}
mirror=${MIRROR:-$(mirror_of_this_machine)}
mirror=${mirror:-http://deb.debian.org/debian}

missing=()
for pair in zstd:zstd rsync:rsync debootstrap:debootstrap mke2fs:e2fsprogs; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
[ -e "$keyring" ] || missing+=(debian-archive-keyring)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi

mkdir -p "$peers"/{bin,deb,apt/lists/partial,apt/cache/archives/partial}
peers=$(cd "$peers" && pwd)

if [ ! -x "$peers/bin/restic" ]; then
  echo "restic and rclone from $mirror $suite"
  echo "deb [signed-by=$keyring] $mirror $suite main" > "$peers/apt/sources.list"
  apt_get() {
    apt-get -qq -o Dir::Etc::SourceList="$peers/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root \
            -o Dir::State::Lists="$peers/apt/lists" -o Dir::Cache="$peers/apt/cache" "$@"
  }
  apt_get update
  (cd "$peers/deb" && apt_get download restic rclone)
  for deb in "$peers"/deb/*.deb; do dpkg -x "$deb" "$peers/unpacked"; done
  ln -sf ../unpacked/usr/bin/restic ../unpacked/usr/bin/rclone "$peers/bin/"
fi

borg_works() { chroot "$peers/chroot" borg --version >/dev/null 2>&1 && chroot "$peers/chroot" borg2 --version >/dev/null 2>&1; }
if ! borg_works; then
  echo "borg and borg2 from $mirror $suite"
  mountpoint -q "$peers/chroot" || rm -rf --one-file-system "$peers/chroot"
  # Packages that borg does not need may fail to be configured without /proc; what counts is checked below.
  debootstrap --keyring="$keyring" --variant=minbase --include=borgbackup,borgbackup2 \
              "$suite" "$peers/chroot" "$mirror" > "$peers/debootstrap.log" 2>&1 || true
fi

"$peers/bin/restic" version
chroot "$peers/chroot" borg --version || fail "borg does not run in $peers/chroot" "see $peers/debootstrap.log"
chroot "$peers/chroot" borg2 --version || echo "borg2 does not run in $peers/chroot; it will be left out" >&2
echo "ready in $peers"
