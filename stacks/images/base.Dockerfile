# The Debian base of the images below, for machines that cannot pull any.
# ROOTFS is what debootstrap made (scripts/images.sh).
ARG ROOTFS=previewd/rootfs:trixie
FROM ${ROOTFS}
ENV LANG=C.UTF-8
# Translations and documentation only make an image larger, and services that a
# package brings must not start while it is installed.
RUN printf 'path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\npath-include=/usr/share/doc/*/copyright\nforce-unsafe-io\n' >/etc/dpkg/dpkg.cfg.d/slim \
 && printf 'Acquire::Languages "none";\nAPT::Install-Recommends "false";\nAcquire::Retries "3";\n' >/etc/apt/apt.conf.d/slim \
 && printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d \
 && export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get upgrade -y \
 && apt-get install -y ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /usr/share/man/* /usr/share/locale/*
CMD ["bash"]
