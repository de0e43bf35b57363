# The service in a container.
#
#   docker build -t previewd .                    builds from the sources
#   docker build -t previewd --target local .     takes target/release/previewd,
#                                                 which `make build` has made
#
# Where no image can be pulled, build with --target local and with
# --build-arg BASE=previewd/base:trixie, which scripts/images.sh has made.

ARG BASE=debian:trixie-slim
ARG BUILDER=rust:1-trixie

FROM ${BASE} AS runtime
RUN [ -e /etc/ssl/certs/ca-certificates.crt ] \
 || (apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*)
# Inside, the address is that of the host's network (see docker-compose.yml).
ENV PREVIEW_DATA_DIR=/data
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["previewd", "health"]
ENTRYPOINT ["previewd"]
CMD ["serve"]

# Before the builder, so that builders which go through the stages in order
# need no Rust image for it.
FROM runtime AS local
COPY target/release/previewd /usr/local/bin/previewd

FROM ${BUILDER} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin previewd && cp target/release/previewd /previewd

FROM runtime AS service
COPY --from=build /previewd /usr/local/bin/previewd
