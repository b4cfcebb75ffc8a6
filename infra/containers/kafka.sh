#!/bin/sh
# Entry point: formats the log folder at the first start, then runs the broker.
set -euf
settings=/mnt/shared/config/server.properties
java="java -Xms64m -Xmx${KAFKA_HEAP:-512m} -Djava.awt.headless=true
    -Dlog4j2.configurationFile=file:/opt/kafka/config/log4j2.properties -cp /opt/kafka/libs/*"
if [ ! -e /var/lib/kafka/data/meta.properties ]; then
    $java kafka.tools.StorageTool format --cluster-id="$CLUSTER_ID" --config=$settings
fi
exec $java kafka.Kafka $settings
