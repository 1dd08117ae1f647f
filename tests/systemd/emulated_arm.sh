#!/bin/bash
# Install the car's software on an emulated ARM Debian, as on a Raspberry Pi, and compare what it does
# there with what it does here. Prints a report; exits 1 if a line of it failed. Slow: not for CI.
set -euo pipefail

usage() {
    cat <<'HELP'
usage: sudo tests/systemd/emulated_arm.sh [--arch arm64|armhf] [--suite bookworm|trixie]
           [--cache FOLDER] [--model NAME_OR_FILE] [--data RECORDING] [--python PYTHON] [STEP...]

  --arch    64 or 32 bit (default: arm64)
  --suite   the Debian below Raspberry Pi OS (default: bookworm)
  --cache   where systems and downloads are kept for the next time (default: /var/tmp/paperlane-arm)
  --model   which model decides (default: default)
  --data    a recording whose frames are compared too; may be given again
  --python  this machine's Python with PaperLane installed (default: .venv/bin/python)

steps, all of them in this order if none is named (each goes on from the one before):
  install    the installer on a bare system
  check      what it says of a computer that has no camera and no microcontroller
  replay     a simulated drive: the same commands as here?
  again      the installer twice and thrice: the same files, an edited configuration kept?
  outputs    the model here and there, on the same frames: the same numbers?
  evaluate   one track in the simulator: the same figures? (64 bit)
  fallback   tflite-runtime instead of LiteRT: the same commands and numbers? (64 bit, Python 3.11)
  uninstall  what stays, and what goes

example: sudo tests/systemd/emulated_arm.sh --suite trixie install replay
HELP
}

checkout=$(cd "$(dirname "$0")/../.." && pwd)
arch=arm64 suite=bookworm cache=/var/tmp/paperlane-arm model=default data=()
python=$checkout/.venv/bin/python
arguments=("$@") steps=()
while [ $# -gt 0 ]; do
    case $1 in
        --arch | --suite | --cache | --model | --python | --data)
            [ $# -ge 2 ] || { usage >&2; exit 2; }
            if [ "$1" = --data ]; then data+=("$2"); else printf -v "${1#--}" %s "$2"; fi
            shift
            ;;
        -h | --help) usage; exit 0 ;;
        install | check | replay | again | outputs | evaluate | fallback | uninstall) steps+=("$1") ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
if [ ${#steps[@]} -eq 0 ]; then
    steps=(install check replay again outputs)
    [ "$arch" = armhf ] || steps+=(evaluate fallback) # LiteRT, and wheels of the simulator's OpenCV
    steps+=(uninstall)
fi
[ "$(id -u)" -eq 0 ] || { echo "must run as root: sudo $0" >&2; exit 2; }
cache=$(realpath --canonicalize-missing "$cache")
home=$cache/$suite-$arch
# shellcheck source=tests/systemd/emulation.sh
. "$(dirname "$0")/emulation.sh"
need_tools
[ "${PAPERLANE_INSIDE:-}" = yes ] || enter_namespace "${arguments[@]}"

failed=0
report() { # VERDICT WHAT...
    printf '%-5s %s\n' "$1" "${*:2}"
    [ "$1" != FAIL ] || failed=1
}
same() { # WHAT ONE OTHER
    if [ -n "$2" ] && [ "$2" = "$3" ]; then report ok "$1: $2"; else report FAIL "$1: '$2', '$3'"; fi
}
figure() { "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"; }
installed=/opt/paperlane/venv/bin/python
version() { arm python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }
answers() { "$python" "$checkout/tests/systemd/answers.py" "$@"; }

# Keep wheels for the system in $cache/wheels, where its pip looks too: an index need not allow pip's
# own cache to keep them. What is missing here, that pip fetches by itself.
fetch() { # REQUIREMENT_OR_OPTION...
    local platforms=() glibc
    for glibc in 17 27 28 31 34 35 36; do
        platforms+=(--platform "manylinux_2_${glibc}_$(arm uname -m)")
    done
    "$python" -m pip download -qq --disable-pip-version-check --retries 12 --only-binary :all: \
        --python-version "$(version)" "${platforms[@]}" --find-links "$cache/wheels" \
        --dest "$cache/wheels" "$@" || echo "   not all wheels could be fetched beforehand"
}

# What an installation leaves, without what carries the time it was written at.
fingerprint() {
    arm find /opt/paperlane /etc/paperlane /etc/systemd/system /etc/udev/rules.d \
        /usr/local/bin /etc/passwd /etc/group -type f \
        ! -name '*.pyc' ! -name RECORD ! -name direct_url.json -exec sha256sum {} + | sort
}

# What a runtime on this machine answers; the files' names are read by answers.py.
fingerprint_here() { # PYTHON KERNELS [OPTION...]
    PYTHONPATH=$checkout "$1" -P -m controller.fingerprint "$home/share/model.tflite" \
        "$home/share/frames.npy" "${@:3}" > "$home/answers/$(uname -m).$2.json"
}

# The model, a simulated drive, frames of it and of other recordings, and what is said of them here:
# made once for all steps.
prepare() {
    local share=$home/share old=$checkout/.venv/tflite/bin/python
    rm -rf "$share/drive" "$home/answers"
    mkdir "$home/answers"
    "$python" -m simulator drive --model teacher --track oval --out "$share/drive" > /dev/null 2>&1
    answers prepare --model "$model" "$share" "$share/drive/drive.mcap" "${data[@]}"
    "$python" -m controller replay "$share/drive/drive.mcap" --model "$share/model.tflite" --json \
        > "$home/here.replay"
    fingerprint_here "$python" usual
    fingerprint_here "$python" own --no-delegates
    # A folder that `make .venv/.tflite` makes where there is a Python that has a wheel.
    [ ! -x "$old" ] || fingerprint_here "$old" fallback
}

do_install() {
    renew
    mount_system
    echo "== $suite, emulated: $(arm uname -m), $(arm python3 --version), $cpu; here: $(uname -m)"
    prepare
    case $arch,$(version) in # what install.sh chooses
        armhf,*) fetch --no-deps pyserial mcap tflite-runtime setuptools ;;
        *,3.11) fetch 'numpy<2' 'opencv-python-headless<4.11' pyserial mcap ai-edge-litert setuptools ;;
        *) fetch numpy opencv-python-headless pyserial mcap ai-edge-litert setuptools ;;
    esac
    echo "== installing"
    arm /checkout/systemd/install.sh --user nobody | sed -u 's/^/   /'
    same "owner may arm" "$(arm id -nG nobody | tr ' ' '\n' | grep -x paperlane)" paperlane
    echo "   what pip's markers choose here: $(arm $installed -P \
        /checkout/tests/systemd/answers.py requirements | tr '\n' ' ')"
}

do_check() {
    echo "== check"
    local code=0
    arm timeout 300 paperlane check > "$home/page" || code=$?
    sed 's/^/   /' "$home/page"
    same "check says what is missing" "$(tail -n 1 "$home/page" | cut -d: -f1)" "this car cannot drive"
    same "and exits with" "$code" 1
}

# tflite-runtime is held to LiteRT's own kernels on this machine, which round as it does and not as
# LiteRT's usual ones do (docs/arm.md).
do_replay() {
    echo "== replay"
    local there=$home/there.replay own=$home/answers/$(uname -m).own.json expected frames runtime
    arm paperlane replay /share/drive/drive.mcap --model /share/model.tflite --json > "$there"
    frames=$(figure "$home/here.replay" answered)
    expected=$(figure "$home/here.replay" commands_sha256)
    runtime=$(arm $installed -P -c 'from controller.model.interpreter import RUNTIME; print(RUNTIME)')
    if [ "$runtime" = tflite-runtime ]; then
        expected=$(answers commands "$own" "$frames" "$home/share/model.tflite")
    fi
    same "frames answered here and there" "$frames" "$(figure "$there" answered)"
    same "commands with $runtime as expected" "$expected" "$(figure "$there" commands_sha256)"
}

do_again() {
    echo "== installing again"
    fingerprint > "$home/first"
    arm /checkout/systemd/install.sh --user nobody | sed -u 's/^/   /'
    fingerprint > "$home/second"
    same "installed twice, the same files" "$(sha256sum < "$home/first" | cut -c1-16)" \
        "$(sha256sum < "$home/second" | cut -c1-16)"
    diff "$home/first" "$home/second" | head -n 20 || true
    arm sh -c 'echo "# mine" >> /etc/paperlane/paperlane.toml'
    arm /checkout/systemd/install.sh --user nobody --no-apt > /dev/null
    same "edited configuration kept" "$(arm tail -n 1 /etc/paperlane/paperlane.toml)" "# mine"
}

# What the installed runtime answers.
fingerprint_there() { # KERNELS [OPTION...]
    arm $installed -P -m controller.fingerprint /share/model.tflite /share/frames.npy "${@:2}" \
        > "$home/answers/$cpu.$1.json"
}
compare_answers() {
    local first others=() file
    first=$home/answers/$(uname -m).usual.json
    for file in "$home"/answers/*.json; do [ "$file" = "$first" ] || others+=("$file"); done
    answers compare "$first" "${others[@]}"
}

do_outputs() {
    echo "== the same frames through the installed runtime"
    local first=$cpu
    for cpu in $cpus; do
        become "$cpu"
        fingerprint_there usual
    done
    become "$first"
    [ "$arch" = armhf ] || fingerprint_there own --no-delegates # LiteRT
    compare_answers
    [ "$arch" = armhf ] || where_they_part
}
where_they_part() {
    local layers=tests/systemd/layers.py
    echo "== the operator at which answers part"
    "$python" "$checkout/$layers" run "$home/share/model.tflite" "$home/share/frames.npy" "$home/here.npz"
    arm $installed -P "/checkout/$layers" run /share/model.tflite /share/frames.npy /share/there.npz
    "$python" "$checkout/$layers" compare "$home/here.npz" "$home/share/there.npz"
}

# The simulator with the same libraries here and there: the installed ones are older on Bookworm.
do_evaluate() {
    echo "== one track in the simulator"
    local pinned=/opt/pinned/bin/python options=(--tracks 1 --seconds 10 --json)
    local wanted=(numpy opencv-python-headless pyserial mcap ai-edge-litert)
    arm sh -c "[ -x $pinned ] || python3 -m venv /opt/pinned"
    fetch --constraint "$checkout/constraints.txt" "${wanted[@]}"
    arm $pinned -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        --constraint /checkout/constraints.txt "${wanted[@]}"
    (cd "$checkout" && "$python" -m simulator evaluate "${options[@]}") > "$home/here.evaluation"
    arm env -C /checkout $pinned -m simulator evaluate "${options[@]}" > "$home/there.evaluation"
    sed 's/^/   /' "$home/here.evaluation"
    same "evaluation here and there" "$(sha256sum < "$home/here.evaluation" | cut -c1-16)" \
        "$(sha256sum < "$home/there.evaluation" | cut -c1-16)"
    diff "$home/here.evaluation" "$home/there.evaluation" | head -n 40 || true
}

do_fallback() {
    echo "== tflite-runtime instead"
    if [ "$(version)" != 3.11 ]; then
        echo "   no wheel of it for this Python: not run"
        return
    fi
    fetch 'tflite-runtime==2.14.0' 'numpy<2'
    arm $installed -m pip install --quiet --disable-pip-version-check 'tflite-runtime==2.14.0' 'numpy<2'
    arm $installed -m pip uninstall --quiet --yes ai-edge-litert
    do_replay
    fingerprint_there fallback
    compare_answers
}

do_uninstall() {
    echo "== uninstalling"
    arm sh -c 'mkdir -p /var/lib/paperlane/drives; echo drive > /var/lib/paperlane/drives/mine.mcap'
    arm /checkout/systemd/uninstall.sh | sed -u 's/^/   /'
    same "drives and configuration kept" \
        "$(arm find /var/lib/paperlane /etc/paperlane -type f ! -name '*.new' | sort | tr '\n' ' ')" \
        "/etc/paperlane/paperlane.toml /var/lib/paperlane/drives/mine.mcap "
    same "all else gone" "$(arm sh -c 'ls -d /opt/paperlane /etc/systemd/system/paperlane.service \
        /usr/local/bin/paperlane /etc/udev/rules.d/99-paperlane.rules 2> /dev/null | wc -l')" 0
    arm /checkout/systemd/uninstall.sh --purge | sed -u 's/^/   /'
    same "after --purge nothing is left" "$(arm sh -c 'getent passwd paperlane; \
        ls -d /var/lib/paperlane /etc/paperlane 2> /dev/null | wc -l')" 0
}

{ # read to its end before it runs: somebody may go on working in it
    make_base
    [ "${steps[0]}" = install ] || mount_system
    for step in "${steps[@]}"; do "do_$step"; done
    exit $failed
}
