# All programs of OrderMesh in one image: the command says which one runs. Nothing in it is root, and no
# shell is needed.
#
#     podman build --timestamp 0 -t ordermesh:0.1.0 .
#
# The same sources, packages and base image give the same layers: nothing in them bears the time.

FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev cmake ninja-build pkg-config libh2o-evloop-dev libnats-dev libpq-dev \
        libjson-c-dev libhiredis-dev libcurl4-openssl-dev libsodium-dev libssl-dev
COPY . /source
RUN cmake -G Ninja -S /source -B /build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr \
        -DOM_TESTS=OFF \
    && cmake --build /build \
    && DESTDIR=/image cmake --install /build --strip

FROM debian:bookworm-slim
# What an installation writes down about itself is no part of the image.
RUN apt-get update && apt-get install -y --no-install-recommends \
        libh2o-evloop0.13 libnats3.4 libpq5 libjson-c5 libhiredis0.14 libcurl4 libsodium23 libssl3 \
        ca-certificates \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache \
        /var/lib/dpkg/*-old /var/log/*.log /var/log/apt /tmp/*
COPY --from=build /image /
USER 10001:10001
# In a container the port is mapped or routed to from outside; OM_HTTP_ADDRESS still needs saying, since
# a gateway without tokens (OM_AUTH=none) serves the loopback only.
EXPOSE 8080 9464
LABEL org.opencontainers.image.title="OrderMesh" \
      org.opencontainers.image.description="Event-driven order processing on NATS JetStream" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
CMD ["/usr/bin/om-gateway", "--help"]
