# Stands in for python:3.12-slim where no registry answers.
ARG BASE=previewd/base:trixie
FROM ${BASE}
# git: requirements may name repositories. The EXTERNALLY-MANAGED marker goes,
# as pip is meant to install here; the interpreter serves the preview alone.
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install -y git python3 python3-pip python3-venv python-is-python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /usr/lib/python3.*/EXTERNALLY-MANAGED
CMD ["python3"]
