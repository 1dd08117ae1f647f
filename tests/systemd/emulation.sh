# Sourced by emulated_arm.sh: a Debian of another processor in a chroot, run by qemu-user.
# Mounts live in a mount namespace of their own and end with it, whatever ends the script.
# shellcheck shell=bash

case $arch in
    arm64) qemu=qemu-aarch64 cpus='cortex-a53 cortex-a72 cortex-a76' cpu=cortex-a72 ;;
    armhf) qemu=qemu-arm cpus=max cpu=max ;;
    *) echo "--arch $arch: must be arm64 or armhf" >&2; exit 2 ;;
esac

# Be another processor from now on: Cortex-A53 is a Pi 3's and Zero 2 W's, A72 a Pi 4's, A76 a Pi 5's.
# /proc/cpuinfo would show this machine's own, by which no runtime knows an ARM processor.
become() { # CPU
    local part=0xd08 features='fp asimd evtstrm crc32 cpuid'
    cpu=$1
    case $cpu in
        cortex-a53) part=0xd03 ;;
        cortex-a76) part=0xd0b features+=' atomics fphp asimdhp asimdrdm asimddp' ;;
        max) features='half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt crc32' ;;
    esac
    {
        printf 'processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: %s\n' "$features"
        printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n'
        printf 'CPU part\t: %s\nCPU revision\t: 3\n\n' "$part"
    } > "$home/cpuinfo"
}

need_tools() {
    for tool in debootstrap "$qemu-static" unshare mount chroot; do
        command -v "$tool" > /dev/null || {
            echo "$tool is missing: apt install debootstrap qemu-user-static" >&2
            exit 2
        }
    done
}

# Run this script again where mounts and processes end with it. The kernel must know what runs ARM
# programs; what was told to it is taken back if it was not there before.
enter_namespace() {
    local binfmt=/proc/sys/fs/binfmt_misc code=0
    [ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
    if [ ! -e "$binfmt/$qemu" ]; then
        # shellcheck disable=SC2064 # now
        trap "echo -1 > $binfmt/$qemu" EXIT
        cat "/usr/lib/binfmt.d/$qemu.conf" > $binfmt/register
    fi
    PAPERLANE_INSIDE=yes unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@" &
    # shellcheck disable=SC2064 # now
    trap "kill -KILL $!; exit 130" INT TERM # with it everything within ends
    wait $! || code=$?
    exit $code
}

# A bare system, made once: $home/base.
make_base() {
    [ ! -e "$home/base.complete" ] || return 0
    echo "== making a bare $suite for $arch in $home (once, some ten minutes)"
    rm -rf --one-file-system "$home/base"
    mkdir -p "$home/base"
    debootstrap --foreign --arch="$arch" --variant=minbase --include=ca-certificates,python3 \
        "$suite" "$home/base" > "$home/base.log"
    chroot "$home/base" /debootstrap/debootstrap --second-stage >> "$home/base.log"
    touch "$home/base.complete"
}

# Forget what was done to the system.
renew() { rm -rf --one-file-system "$home/upper" "$home/scratch"; }

# Mount the system at $home/root: the bare one, what was done to it, and what it shares with us.
mount_system() {
    local root=$home/root at
    exec 9> "$home/lock"
    flock 9 # one at a time
    mkdir -p "$home/upper" "$home/scratch" "$root" "$home/share" "$cache/wheels" "$cache/apt-$arch"
    mount -t overlay overlay -o "lowerdir=$home/base,upperdir=$home/upper,workdir=$home/scratch" "$root"
    mkdir -p "$root/checkout" "$root/share" "$root/wheels"
    for at in proc dev sys; do mount --rbind "/$at" "$root/$at"; done
    mount -t tmpfs tmpfs "$root/run"
    mount --bind "$home/share" "$root/share"
    mount --bind "$cache/wheels" "$root/wheels"
    mount --bind "$cache/apt-$arch" "$root/var/cache/apt/archives"
    # The checkout as it is now: somebody may go on working in it.
    mount -t tmpfs tmpfs "$root/checkout"
    git -C "$checkout" -c safe.directory='*' ls-files -z --cached --others --exclude-standard \
        | tar -C "$checkout" --ignore-failed-read --null --files-from=- -cf - | tar -C "$root/checkout" -xf -
    rm -f "$root/etc/resolv.conf"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    become "$cpu"
    mount --bind "$home/cpuinfo" "$root/proc/cpuinfo"
    settings=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
        PIP_FIND_LINKS=/wheels PIP_RETRIES=12 PIP_NO_CACHE_DIR=1)
    for name in PIP_INDEX_URL PIP_DEFAULT_TIMEOUT http_proxy https_proxy no_proxy; do
        [ -z "${!name:-}" ] || settings+=("$name=${!name}")
    done
    if [ -n "${PIP_CERT:-}" ]; then
        cp -L "$PIP_CERT" "$home/share/certificates.pem"
        settings+=(PIP_CERT=/share/certificates.pem)
    fi
}

# Run a command in the system.
arm() { env -i "${settings[@]}" QEMU_CPU="$cpu" chroot "$home/root" "$@" < /dev/null; }
