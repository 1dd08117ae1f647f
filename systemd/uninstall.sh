#!/bin/sh
# Take PaperLane off this computer. Drives and configuration stay, unless --purge says otherwise.
set -eu

usage() {
    cat <<'HELP'
usage: sudo systemd/uninstall.sh [--purge]

  --purge  remove the recorded drives, the configuration and the user paperlane too

example: sudo systemd/uninstall.sh
HELP
}

say() { printf '%s\n' "paperlane uninstall: $*"; }

purge=no
while [ $# -gt 0 ]; do
    case $1 in
        --purge) purge=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            printf '%s\n' "paperlane uninstall: unknown option $1; see --help" >&2
            exit 2
            ;;
    esac
    shift
done

if [ "$(id -u)" -ne 0 ]; then
    printf '%s\n' "paperlane uninstall: must run as root: sudo $0" >&2
    exit 1
fi

if [ -d /run/systemd/system ]; then
    systemctl disable --now --quiet paperlane.service 2> /dev/null || true
    systemctl reset-failed paperlane.service 2> /dev/null || true
fi
rm -f /etc/systemd/system/paperlane.service \
    /etc/systemd/system/*.wants/paperlane.service \
    /etc/systemd/system/paperlane.service.d/realtime.conf \
    /etc/udev/rules.d/99-paperlane.rules \
    /usr/local/bin/paperlane
if [ "$purge" = yes ]; then rm -rf /etc/systemd/system/paperlane.service.d; fi
for folder in paperlane.service.d 'dev-paperlane\x2dmcu.device.wants'; do
    rmdir "/etc/systemd/system/$folder" 2> /dev/null || true
done
rm -rf /opt/paperlane
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    if command -v udevadm > /dev/null; then udevadm control --reload || true; fi
fi

if [ "$purge" = yes ]; then
    rm -rf /etc/paperlane /var/lib/paperlane /run/paperlane
    if getent passwd paperlane > /dev/null; then userdel paperlane; fi
    if getent group paperlane > /dev/null; then groupdel paperlane; fi
    say "done, nothing is left"
else
    say "done. Kept: /var/lib/paperlane (drives), /etc/paperlane (configuration)"
fi
