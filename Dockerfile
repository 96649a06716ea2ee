# All programs of OrderMesh in one image: the command says which one runs. Nothing in it is root, and no
# shell is needed.
#
#     docker build -t ordermesh:0.2.0 .
#     docker buildx build --platform linux/amd64,linux/arm64 -t ordermesh:0.2.0 .
#
# The programs are compiled on the builder's own architecture, for another one by a cross compiler. An emulator runs only
# what the last stage installs.
#
# Built by `podman build --timestamp 0`, the same sources, base image and package versions give the same
# image, bit for bit (scripts/test-image); BuildKit has SOURCE_DATE_EPOCH=0 and rewrite-timestamp for that.
# To get those again later, name BASE by its digest, with its sources.list on snapshot.debian.org.
ARG BASE=docker.io/library/debian:bookworm-slim
# Known to a builder for several platforms; podman wants to be told the first: --build-arg BUILDPLATFORM=linux/amd64.
ARG BUILDPLATFORM
ARG TARGETPLATFORM

FROM --platform=$BUILDPLATFORM ${BASE} AS build
ARG TARGETARCH
RUN dpkg --add-architecture "$TARGETARCH" && apt-get update && apt-get install -y --no-install-recommends dpkg-dev \
    && case $TARGETARCH in "$(dpkg --print-architecture)") compiler=gcc ;; \
        *) compiler=gcc-$(dpkg-architecture -a "$TARGETARCH" -q DEB_HOST_GNU_TYPE | tr _ -) ;; esac \
    && apt-get install -y --no-install-recommends cmake ninja-build pkg-config "$compiler" \
        $(printf "%s:$TARGETARCH " libc6-dev libh2o-evloop-dev libnats-dev libpq-dev libjson-c-dev libhiredis-dev \
            libcurl4-openssl-dev libsodium-dev libssl-dev zlib1g-dev)
COPY . /source
RUN triplet=$(dpkg-architecture -a "$TARGETARCH" -q DEB_HOST_MULTIARCH) \
    && export PKG_CONFIG_LIBDIR=/usr/lib/$triplet/pkgconfig:/usr/share/pkgconfig \
    && cmake -G Ninja -S /source -B /build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr -DOM_TESTS=OFF \
        -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_C_COMPILER="$triplet-gcc" -DCMAKE_LIBRARY_ARCHITECTURE="$triplet" \
    && cmake --build /build \
    && DESTDIR=/image cmake --install /build --strip

FROM --platform=$TARGETPLATFORM ${BASE}
# What an installation writes down about itself is no part of the image.
RUN apt-get update && apt-get install -y --no-install-recommends \
        libh2o-evloop0.13 libnats3.4 libpq5 libjson-c5 libhiredis0.14 libcurl4 libsodium23 libssl3 \
        zlib1g ca-certificates \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old \
        /var/cache/ldconfig/aux-cache /var/lib/dpkg/*-old /var/log/*.log /var/log/apt /tmp/*
COPY --from=build /image /
# `omctl migrate` and `omctl provision` find sql/ and nats/ here.
WORKDIR /usr/share/ordermesh
USER 10001:10001
# The API, and the admin port: the gateway's addresses still need saying, since a gateway without tokens
# (OM_AUTH=none) serves the loopback only.
EXPOSE 8080 9464
# No `created`: it is the image's own, and would differ each time.
LABEL org.opencontainers.image.title="OrderMesh" \
      org.opencontainers.image.description="Event-driven order processing on NATS JetStream" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
CMD ["/usr/bin/om-gateway", "--help"]
