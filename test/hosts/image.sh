#!/bin/sh
# image.sh ROOT MIRROR SUITE DEBS: a Debian that boots, for `make hosts`.
#
# What the roles install is not installed here: its packages lie in the image's
# archive, so that apt-get on a booted host finds them without a network. DEBS
# keeps what debootstrap downloads, for the next image.
set -eu
root=$1 mirror=$2 suite=$3 debs=$4

# Python and its apt are what Ansible needs on a host, iproute2 and procps what
# the checks ask.
debootstrap --variant=minbase --components=main --cache-dir="$debs" \
    --include=systemd-sysv,dbus,openssh-server,python3,python3-apt,iproute2,procps \
    "$suite" "$root" "$mirror"

rm -f "$root"/var/cache/apt/archives/*.deb
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
chroot "$root" apt-get -q update
chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --download-only install \
    haproxy redis-server socat curl ca-certificates

# Every host gets its own keys and machine-id; the timers would want a network.
rm -f "$root/etc/resolv.conf" "$root"/etc/ssh/ssh_host_* "$root/etc/machine-id"
for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim; do
    ln -sf /dev/null "$root/etc/systemd/system/$timer.timer"
done
ln -sf /lib/systemd/system/systemd-networkd.service "$root/etc/systemd/system/multi-user.target.wants/"
