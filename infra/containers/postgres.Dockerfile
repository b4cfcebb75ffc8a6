# PostgreSQL as Debian has it, by the conventions of the official `postgres` image (the part that
# our compose file and tests use), so that either may be named by POSTGRES_IMAGE.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends postgresql \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/*
COPY infra/containers/postgres.sh /usr/local/bin/docker-entrypoint.sh
ENV PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
