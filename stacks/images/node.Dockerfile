# Stands in for node:22-slim where no registry answers.
ARG BASE=previewd/base:trixie
FROM ${BASE}
# git: dependencies may name repositories.
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install -y git nodejs npm \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
CMD ["node"]
