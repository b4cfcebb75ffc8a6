# Kafka from the jars that `make setup` fetched by infra/kafka/pom.xml, on Debian's Java, by the
# conventions of the official `apache/kafka` image (the part that our compose file and tests use),
# so that either may be named by KAFKA_IMAGE.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        openjdk-17-jre-headless \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 1000 --no-create-home --shell /usr/sbin/nologin appuser \
    && install -d -o appuser -g root -m 0775 /var/lib/kafka/data
COPY .cache/kafka/libs /opt/kafka/libs
COPY infra/kafka/log4j2.properties /opt/kafka/config/log4j2.properties
COPY infra/containers/kafka.sh /etc/kafka/docker/run
VOLUME /var/lib/kafka/data
EXPOSE 9092
USER appuser
CMD ["/etc/kafka/docker/run"]
