# Leno and the built-in pieces. How to run it: packaging/README.md.
#
#   docker build -t leno .

FROM rust:1.95-slim-trixie AS build
WORKDIR /src
COPY . .
RUN rustup target add wasm32-wasip2
# `xtask pieces` leaves the built-in pieces in pieces/*.wasm. Debug sections are most of the binary; symbols stay, for backtraces.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo xtask pieces \
    && cargo build --locked --release --package leno \
    && strip --strip-debug -o /leno target/release/leno

FROM debian:trixie-slim
# The image has no user database entry for it: Leno needs a user id, not a name.
ARG UID=65532
# Leno trusts the system's CA certificates; the slim image has none.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /leno /usr/bin/leno
COPY --from=build --chown=${UID}:${UID} /src/pieces/*.wasm /var/lib/leno/pieces/
# Leno refuses a data directory that other users can write to, and compiled code that they can read.
RUN install -d -m 0755 /etc/leno \
    && install -d -m 0700 -o ${UID} -g ${UID} /var/lib/leno/data \
    && chown ${UID}:${UID} /var/lib/leno/pieces

USER ${UID}:${UID}
# leno.toml is looked for in the working directory.
WORKDIR /etc/leno
ENV LENO_LISTEN=0.0.0.0:4747 \
    LENO_DATA_DIR=/var/lib/leno/data \
    LENO_PIECES_DIR=/var/lib/leno/pieces
EXPOSE 4747
VOLUME ["/var/lib/leno/data", "/var/lib/leno/pieces"]
# No HEALTHCHECK: the image has no HTTP client, and orchestrators bring their own. Liveness is GET /healthz, readiness GET /readyz.
ENTRYPOINT ["/usr/bin/leno"]
CMD ["serve"]
