#!/bin/sh
# Runs the checks and the whole suite on the newest CPython at hand, in a clone of what is committed
# here, and says which it is. `make test-newest`. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."

# Every CPython of 3.11 or newer: on the PATH, and where pyenv and uv keep them.
list_pythons() {
    for folder in $(echo "$PATH" | tr : ' ') "$HOME"/.pyenv/versions/*/bin \
        "$HOME"/.local/share/uv/python/*/bin; do
        for program in "$folder"/python3.[0-9]*; do
            case "$program" in *shims/* | *-config) continue ;; esac
            [ -x "$program" ] && "$program" -c '
import platform, sys
if platform.python_implementation() == "CPython" and sys.version_info[:2] >= (3, 11) \
        and sys.version_info.releaselevel == "final":
    print("%d.%02d.%02d" % sys.version_info[:3], sys.executable)' 2>/dev/null || true
        done
    done
}

newest=$(list_pythons | sort -u | tail -n 1)
[ -n "$newest" ] || { echo "tokend: no CPython of 3.11 or newer is at hand" >&2; exit 1; }
python=${newest#* }
version=$("$python" -c 'import platform; print(platform.python_version())')
usual=$(.venv/bin/python -c 'import platform; print(platform.python_version())')
echo "tokend: the newest CPython at hand is $version ($python); .venv has $usual"

clone=.cache/newest-python
rm -rf "$clone"
git clone -q . "$clone"
make --no-print-directory -C "$clone" PYTHON="$python" setup check
(cd "$clone" && .venv/bin/pytest "$@")
echo "tokend: the suite passes on CPython $version"
