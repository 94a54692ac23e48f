#!/usr/bin/env bash
# Make sure that ffmpeg, espeak-ng and Python's venv are there: install them where we may, else say exactly what to type.
set -euo pipefail

missing=()
command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null || missing+=(ffmpeg)
command -v espeak-ng >/dev/null || missing+=(espeak-ng)
"${PYTHON:-python3}" -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]} with apt-get" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
elif command -v apt-get >/dev/null; then
    echo "missing: ${missing[*]}. Type: sudo apt-get update && sudo apt-get install -y ${missing[*]}" >&2
    exit 1
elif command -v brew >/dev/null; then
    echo "missing: ${missing[*]}. Type: brew install ffmpeg espeak-ng" >&2
    exit 1
else
    echo "missing: ${missing[*]}. Install them with your system's package manager, then try again" >&2
    exit 1
fi
