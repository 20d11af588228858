# syntax=docker/dockerfile:1
#
# Both programs of Warren in one small image, static and without a shell.
#
#   docker build -t warren:0.1.0 .
#   docker buildx build --platform linux/amd64,linux/arm64 -t registry.example.com/warren:0.1.0 --push .
#
# A broker by itself, for a try (guest/guest, from anywhere):
#
#   docker run --rm -p 5672:5672 warren:0.1.0 --listen 0.0.0.0:5672 --allow-guest-remote
#
# The operator, as the chart runs it: command /usr/local/bin/warren-operator, argument run.

# Alpine's Rust builds for musl, which links everything into the program, on whichever platform the
# build runs for: there is no cross-compiler to keep up with.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache gcc make musl-dev
WORKDIR /src
COPY . .
# One cache for each platform: two that build at once must not share a target directory.
ARG TARGETPLATFORM
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=warren-target-$TARGETPLATFORM,target=/src/target \
    cargo build --release --locked --package warren-broker --package warren-operator \
    && mkdir -p /out/usr/local/bin /out/var/lib/warren \
    && cp target/release/warren-broker target/release/warren-operator /out/usr/local/bin/ \
    && /out/usr/local/bin/warren-broker --version \
    && /out/usr/local/bin/warren-operator --version

# CA certificates, time zones and the user nonroot (65532); nothing that could be run but ours.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/usr/local/bin/ /usr/local/bin/
COPY --from=build --chown=65532:65532 /out/var/lib/warren /var/lib/warren
LABEL org.opencontainers.image.title="Warren" \
      org.opencontainers.image.description="Kubernetes-native AMQP 0-9-1 message broker and its operator" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV WARREN_DATA_DIR=/var/lib/warren
VOLUME /var/lib/warren
WORKDIR /var/lib/warren
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 5672 15672 15692
ENTRYPOINT ["/usr/local/bin/warren-broker"]
