#!/bin/bash
# Install the car's software on an emulated 64-bit ARM Debian, as on a Raspberry Pi, and compare its
# decisions with this machine's. Needs root, the network, a quarter of an hour the first time and
# debootstrap, qemu-user-static and systemd-container. Prints a report; exits 1 if a line of it failed.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: sudo tests/systemd/emulated_arm64.sh [--suite bookworm|trixie] [--cache FOLDER]
                                            [--model NAME_OR_FILE] [--python PYTHON]

  --suite   the Debian below Raspberry Pi OS (default: bookworm)
  --cache   where the bare system is kept for the next time (default: /var/tmp/paperlane-arm64)
  --model   which model decides (default: default)
  --python  this machine's Python with PaperLane installed (default: .venv/bin/python)

example: sudo tests/systemd/emulated_arm64.sh --suite trixie
HELP
}

checkout=$(cd "$(dirname "$0")/../.." && pwd)
suite=bookworm cache=/var/tmp/paperlane-arm64 model=default python=$checkout/.venv/bin/python
while [ $# -gt 0 ]; do
    case $1 in
        --suite | --cache | --model | --python)
            [ $# -ge 2 ] || { usage >&2; exit 2; }
            printf -v "${1#--}" %s "$2"
            shift
            ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
[ "$(id -u)" -eq 0 ] || { echo "must run as root: sudo $0" >&2; exit 2; }
for tool in debootstrap systemd-nspawn qemu-aarch64-static mount; do
    command -v "$tool" > /dev/null || {
        echo "$tool is missing: apt install debootstrap qemu-user-static systemd-container" >&2
        exit 2
    }
done

failed=0
report() { # VERDICT WHAT...
    printf '%-5s %s\n' "$1" "${*:2}"
    [ "$1" != FAIL ] || failed=1
}
same() { # WHAT ONE OTHER
    if [ -n "$2" ] && [ "$2" = "$3" ]; then report ok "$1: $2"; else report FAIL "$1: '$2', '$3'"; fi
}

# The kernel must know what runs ARM programs; taken back at the end if it was not there before.
binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
registered=no
if [ ! -e $binfmt/qemu-aarch64 ]; then
    cat /usr/lib/binfmt.d/qemu-aarch64.conf > $binfmt/register
    registered=yes
fi
work=$(mktemp -d)
# shellcheck disable=SC2317 # by the trap
finish() {
    umount --lazy "$work/root" 2> /dev/null || true
    rm -rf --one-file-system "$work"
    [ "$registered" = no ] || echo -1 > "$binfmt/qemu-aarch64"
}
trap finish EXIT

base=$cache/$suite
if [ ! -e "$base.complete" ]; then
    echo "== making a bare $suite for 64-bit ARM in $base (once, some ten minutes)"
    rm -rf "$base"
    mkdir -p "$base"
    debootstrap --foreign --arch=arm64 --variant=minbase --include=ca-certificates,python3 \
        "$suite" "$base" > "$cache/$suite.log"
    chroot "$base" /debootstrap/debootstrap --second-stage >> "$cache/$suite.log"
    touch "$base.complete"
fi

mkdir "$work/upper" "$work/scratch" "$work/root" "$work/share" "$work/checkout"
# The checkout as it is now: somebody may go on working in it.
git -C "$checkout" -c safe.directory='*' ls-files -z \
    | tar -C "$checkout" --null --files-from=- -cf - | tar -C "$work/checkout" -xf -
mount -t overlay overlay \
    -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/scratch" "$work/root"
settings=()
for name in PIP_CERT PIP_INDEX_URL PIP_DEFAULT_TIMEOUT http_proxy https_proxy no_proxy; do
    [ -z "${!name:-}" ] || settings+=("--setenv=$name=${!name}")
done
[ -z "${PIP_CERT:-}" ] || settings+=("--bind-ro=$PIP_CERT")
arm() {
    systemd-nspawn --quiet --register=no --keep-unit --directory="$work/root" \
        --console=pipe --resolv-conf=replace-host --bind-ro="$work/checkout:/checkout" \
        --bind="$work/share:/share" "${settings[@]}" "$@" < /dev/null \
        2> >(grep -v 'nspawn/propagate' >&2) # what it says where /run is no tmpfs
}
# What an installation leaves, without what carries the time it was written at.
fingerprint() {
    arm find /opt/paperlane /etc/paperlane /etc/systemd/system /etc/udev/rules.d \
        /usr/local/bin /etc/passwd /etc/group -type f \
        ! -name '*.pyc' ! -name RECORD ! -name direct_url.json -exec sha256sum {} + | sort
}
figure() { "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"; }

echo "== $suite, emulated: $(arm uname -m), $(arm python3 --version); here: $(uname -m)"

echo "== a drive to replay, simulated"
"$python" -m simulator drive --model teacher --track oval --out "$work/share/drive" > /dev/null 2>&1
drive=$(find "$work/share/drive" -name '*.mcap' | head -n 1)
"$python" - "$model" "$work/share" <<'PYTHON'
import pathlib, shutil, sys
from controller.cards import card_path
from controller.pilot import find_model
model = find_model(sys.argv[1])
for file in (model, card_path(model)):
    shutil.copy(file, pathlib.Path(sys.argv[2]) / f"model{file.suffix}")
PYTHON
"$python" -m controller replay "$drive" --model "$work/share/model.tflite" --json \
    > "$work/here.json"

echo "== installing"
install=(/checkout/systemd/install.sh --user nobody)
arm "${install[@]}" | sed -u 's/^/   /'
fingerprint > "$work/first"
same "owner may arm" "$(arm id -nG nobody | tr ' ' '\n' | grep -x paperlane)" paperlane

echo "== check"
code=0
arm timeout 120 paperlane check > "$work/page" || code=$?
sed 's/^/   /' "$work/page"
same "check says what is missing" "$(tail -n 1 "$work/page" | cut -d: -f1)" "this car cannot drive"
same "and exits with" "$code" 1

echo "== replay"
in_arm="/share${drive#"$work/share"}"
arm paperlane replay "$in_arm" --model /share/model.tflite --json > "$work/there.json"
runtime=$(arm /opt/paperlane/venv/bin/python -P -c \
    'from controller.interpreter import RUNTIME; print(RUNTIME)')
same "frames answered with $runtime" "$(figure "$work/here.json" answered)" \
    "$(figure "$work/there.json" answered)"
same "commands here and on ARM" "$(figure "$work/here.json" commands_sha256)" \
    "$(figure "$work/there.json" commands_sha256)"

echo "== installing again"
arm "${install[@]}" | sed -u 's/^/   /'
fingerprint > "$work/second"
same "installed twice, the same files" "$(sha256sum < "$work/first" | cut -c1-16)" \
    "$(sha256sum < "$work/second" | cut -c1-16)"
diff "$work/first" "$work/second" || true
arm sh -c 'echo "# mine" >> /etc/paperlane/paperlane.toml'
arm "${install[@]}" --no-apt > /dev/null
same "edited configuration kept" "$(arm tail -n 1 /etc/paperlane/paperlane.toml)" "# mine"

echo "== tflite-runtime instead"
if [ "$(arm python3 -c 'import sys; print(sys.version_info[:2] == (3, 11))')" = True ]; then
    arm /opt/paperlane/venv/bin/python -m pip install --quiet 'tflite-runtime==2.14.0' 'numpy<2'
    arm /opt/paperlane/venv/bin/python -m pip uninstall --quiet --yes ai-edge-litert
    arm paperlane replay "$in_arm" --model /share/model.tflite --json > "$work/fallback.json"
    same "commands here and with $(arm /opt/paperlane/venv/bin/python -P -c \
        'from controller.interpreter import RUNTIME; print(RUNTIME)')" \
        "$(figure "$work/here.json" commands_sha256)" \
        "$(figure "$work/fallback.json" commands_sha256)"
else
    echo "   no wheel of it for this Python: not run"
fi

echo "== uninstalling"
arm sh -c 'mkdir -p /var/lib/paperlane/drives; echo drive > /var/lib/paperlane/drives/mine.mcap'
arm /checkout/systemd/uninstall.sh | sed -u 's/^/   /'
same "drives and configuration kept" \
    "$(arm find /var/lib/paperlane /etc/paperlane -type f | sort | tr '\n' ' ')" \
    "/etc/paperlane/paperlane.toml /var/lib/paperlane/drives/mine.mcap "
same "all else gone" "$(arm sh -c 'ls -d /opt/paperlane /etc/systemd/system/paperlane.service \
    /usr/local/bin/paperlane /etc/udev/rules.d/99-paperlane.rules 2> /dev/null | wc -l')" 0
arm /checkout/systemd/uninstall.sh --purge | sed -u 's/^/   /'
same "after --purge nothing is left" "$(arm sh -c 'getent passwd paperlane; \
    ls -d /var/lib/paperlane /etc/paperlane 2> /dev/null | wc -l')" 0
exit $failed
