#!/bin/sh
# Install PaperLane as a service on Raspberry Pi OS or Debian, Bookworm or Trixie, 64 or 32 bit.
# Run it again to update or to repair; a configuration that was edited is kept.
set -eu
umask 022 # the service's user reads what root installs

usage() {
    cat <<'HELP'
usage: sudo systemd/install.sh [--wheel FILE] [--user NAME] [--realtime] [--no-apt] [--no-start]

  --wheel FILE  install this wheel instead of the checkout that this script is in
  --user NAME   let this user arm the car (default: who called sudo)
  --realtime    SCHED_FIFO, CPU affinity and locked memory: for a busy Pi with four cores
  --no-apt      install no Debian packages
  --no-start    neither enable nor start the service

example: sudo systemd/install.sh --no-start && paperlane check
HELP
}

say() { printf '%s\n' "paperlane install: $*"; }
fail() {
    printf '%s\n' "paperlane install: $*" >&2
    exit 1
}
wrong_usage() {
    printf '%s\n' "paperlane install: $*; see --help" >&2
    exit 2
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
checkout=$(dirname -- "$here")
prefix=/opt/paperlane
venv=$prefix/venv
config=/etc/paperlane/paperlane.toml
units=/etc/systemd/system
wheel='' owner=${SUDO_USER:-} realtime=no apt=yes start=yes

while [ $# -gt 0 ]; do
    case $1 in
        --wheel | --user)
            [ $# -ge 2 ] || wrong_usage "$1 needs a value"
            if [ "$1" = --wheel ]; then wheel=$2; else owner=$2; fi
            shift
            ;;
        --realtime) realtime=yes ;;
        --no-apt) apt=no ;;
        --no-start) start=no ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) wrong_usage "unknown option $1" ;;
    esac
    shift
done

[ "$(id -u)" -eq 0 ] || fail "must run as root: sudo $0"
[ -z "$wheel" ] || [ -f "$wheel" ] || wrong_usage "$wheel: no such file"
[ "$realtime" = no ] || [ "$(nproc)" -ge 4 ] || fail "--realtime wants four cores, here are $(nproc)"

install_packages() {
    packages='python3 python3-venv'
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # Raspberry Pi OS has them all; without them USB and network cameras still work.
    for optional in python3-picamera2 python3-gpiozero python3-lgpio; do
        if apt-cache show "$optional" > /dev/null 2>&1; then
            packages="$packages $optional"
        else
            say "this system has no $optional: no Pi camera, or no button, without it"
        fi
    done
    if [ -n "$debian_wheels" ]; then
        packages="$packages python3-numpy python3-opencv python3-lz4 python3-zstandard"
    fi
    # shellcheck disable=SC2086 # words, on purpose
    apt-get install -y -qq --no-install-recommends $packages > /dev/null
}

# The package index has no compiled wheels for 32-bit ARM. Raspberry Pi OS sets pip up for another one
# that has them; elsewhere Debian's own packages do, which the environment sees.
find_debian_wheels() {
    debian_wheels=''
    if [ "$(getconf LONG_BIT)" = 32 ] && ! grep -qs extra-index-url /etc/pip.conf; then
        debian_wheels=yes
    fi
}

python_version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# The TFLite runtime and NumPy that this system can have, as pip's constraints and requirements.
# The machine's own word is no help: a 32-bit system on a 64-bit kernel calls itself aarch64.
choose_wheels() {
    version=$(python_version python3)
    bits=$(getconf LONG_BIT)
    runtime=ai-edge-litert
    : > "$1"
    if [ "$bits" = 32 ]; then
        [ "$version" = 3.11 ] || fail "32 bit with Python $version: there is no TFLite runtime for" \
            "it; use the 64-bit system, or Bookworm"
        runtime=tflite-runtime
    fi
    if [ "$version" = 3.11 ]; then
        # Bookworm's camera packages are built for NumPy 1, as is tflite-runtime; OpenCV's wheels
        # from 4.11 on want NumPy 2.
        printf '%s\n' 'numpy<2' 'opencv-python-headless<4.11' >> "$1"
    fi
    say "Python $version, $bits bit: $runtime"
}

make_accounts() {
    for group in dialout video gpio; do
        getent group "$group" > /dev/null || groupadd --system "$group"
    done
    getent passwd paperlane > /dev/null || useradd --system --user-group --no-create-home \
        --home-dir /var/lib/paperlane --shell /usr/sbin/nologin paperlane
    if [ -n "$owner" ] && [ "$owner" != root ]; then
        getent passwd "$owner" > /dev/null || fail "--user $owner: no such user"
        usermod --append --groups paperlane "$owner"
    fi
}

install_program() {
    version=$(python_version python3)
    if [ -e "$venv" ] && [ "$(python_version "$venv/bin/python" 2> /dev/null)" != "$version" ]; then
        say "$venv is of another Python than $version: made anew"
        rm -rf "$venv"
    fi
    # Leaves a whole one as it is and mends a broken one. The system's own packages hold the camera.
    python3 -m venv --system-site-packages "$venv"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    choose_wheels "$scratch/constraints.txt"
    if [ -z "$wheel" ]; then
        # A copy, so that the build leaves nothing of root's in the checkout.
        mkdir "$scratch/source"
        for part in pyproject.toml README.md LICENSE controller export firmware_bridge simulator \
            training; do
            if [ -e "$checkout/$part" ]; then cp -R "$checkout/$part" "$scratch/source/"; fi
        done
        [ -f "$scratch/source/README.md" ] || : > "$scratch/source/README.md"
        wheel=$scratch/source
    fi
    pip="$venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet"
    wheels="pyserial mcap $runtime"
    [ -n "$debian_wheels" ] || wheels="numpy opencv-python-headless $wheels"
    # Our own requirements are given by name: their markers go by the machine's word.
    # shellcheck disable=SC2086 # words, on purpose
    $pip --constraint "$scratch/constraints.txt" $wheels
    # shellcheck disable=SC2086
    $pip --no-deps --force-reinstall "$wheel"
    "$venv/bin/python" -P -c 'import controller.car' \
        || fail "what was installed does not load, see above"
}

# Put a file where it belongs if it is not the same already.
put() {
    mode=$1 from=$2 to=$3
    mkdir -p "$(dirname -- "$to")"
    cmp -s "$from" "$to" || say "$to"
    install -m "$mode" "$from" "$to"
}

install_config() {
    shipped=$prefix/paperlane.toml
    if [ ! -e "$config" ] || cmp -s "$config" "$shipped"; then
        put 0644 "$here/paperlane.toml" "$config"
    elif ! cmp -s "$here/paperlane.toml" "$shipped"; then
        put 0644 "$here/paperlane.toml" "$config.new"
        say "$config was edited and is kept; what is new in it stands in $config.new"
    else
        say "$config was edited and is kept"
    fi
    install -m 0644 "$here/paperlane.toml" "$shipped"
}

install_service() {
    put 0644 "$here/paperlane.service" "$units/paperlane.service"
    put 0644 "$here/99-paperlane.rules" /etc/udev/rules.d/99-paperlane.rules
    drop_in=$units/paperlane.service.d/realtime.conf
    if [ "$realtime" = yes ] || [ -e "$drop_in" ]; then put 0644 "$here/realtime.conf" "$drop_in"; fi
    printf '%s\n' '#!/bin/sh' "exec $venv/bin/python -P -m controller \"\$@\"" > "$prefix/paperlane"
    put 0755 "$prefix/paperlane" /usr/local/bin/paperlane
}

start_service() {
    if [ ! -d /run/systemd/system ]; then
        say "systemd does not run here: the service is installed, not started"
        return
    fi
    systemctl daemon-reload
    if command -v udevadm > /dev/null; then
        # The second for a board that is plugged in already.
        { udevadm control --reload && udevadm trigger --subsystem-match=tty; } \
            || say "udev could not be told of its new rule; a reboot does it"
    fi
    if [ "$start" = yes ]; then
        systemctl enable --quiet paperlane.service
        # Without this one that had given up would be refused for the rest of a minute.
        systemctl reset-failed paperlane.service 2> /dev/null || true
        systemctl restart --no-block paperlane.service
    fi
}

find_debian_wheels
[ "$apt" = no ] || install_packages
make_accounts
mkdir -p "$prefix"
install_program
install_config
install_service
start_service
say "done. Ask whether this car can drive: paperlane check"
say "It stands until it is armed: paperlane arm"
