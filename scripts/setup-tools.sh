#!/usr/bin/env bash
# Makes sure that the outside programs which the tests talk to are there (Debian packages).
# Prints nothing when they are. As root it installs what is missing; otherwise it names it and fails.
set -euo pipefail

packages=(
  ffmpeg
  rtmpdump
  nginx libnginx-mod-rtmp
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav
  vlc-bin vlc-plugin-base
  chromium
  openssl
  strace
  util-linux
)

missing() {
  local package
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

if ! command -v dpkg-query >/dev/null; then
  echo "weir: the tests need a Debian system (dpkg-query not found)" >&2
  exit 1
fi

mapfile -t wanted < <(missing)
if [ "${#wanted[@]}" -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "weir: the tests need these Debian packages: ${wanted[*]}" >&2
  echo "      sudo apt-get install --no-install-recommends ${wanted[*]}" >&2
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y --no-install-recommends "${wanted[@]}" </dev/null >>"$log" 2>&1; }
echo "weir: installing ${wanted[*]}"
if ! install && ! { apt-get update </dev/null >>"$log" 2>&1 && install; }; then
  cat "$log" >&2
  echo "weir: could not install ${wanted[*]}" >&2
  exit 1
fi
