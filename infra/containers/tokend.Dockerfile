# tokend itself: any of its services by `tokend run SERVICE --config FILE`. The wheels are those of
# requirements.lock, fetched and checked by infra/containers/build.sh.
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS python
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        python3 python3-venv \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --shell /usr/sbin/nologin tokend

FROM python AS installed
WORKDIR /opt/tokend
COPY .cache/wheels /tmp/wheels
COPY . .
RUN rm -rf .cache && python3 -m venv .venv \
    && .venv/bin/pip install --quiet --no-index --find-links /tmp/wheels --upgrade setuptools \
    && .venv/bin/pip install --quiet --no-index --find-links /tmp/wheels --no-build-isolation \
        --editable . \
    && .venv/bin/python -m compileall -q .
COPY .cache/chains/bin .cache/chains/bin
COPY .cache/chains/contracts.json .cache/chains/contracts.json

FROM python
COPY --from=installed /opt/tokend /opt/tokend
# It is the image of the S3 server too, whose program is one of the wheels, and of the test chains.
RUN ln -s /opt/tokend/.venv/bin/weed /usr/local/bin/weed \
    && install -d -g root -m 0775 /var/lib/seaweedfs /var/lib/btcd /var/lib/anvil /var/lib/sandbox
USER tokend
WORKDIR /home/tokend
ENTRYPOINT ["/opt/tokend/.venv/bin/tokend"]
