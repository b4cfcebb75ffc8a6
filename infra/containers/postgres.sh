#!/bin/sh
# Entry point: makes the database folder at the first start, then runs the server as `postgres`.
set -eu
PATH="$(echo /usr/lib/postgresql/*/bin):$PATH"
if [ ! -e "$PGDATA/PG_VERSION" ]; then
    # The server's user may not read the mounted secret: it gets a copy that is gone at once.
    install -d -m 0700 -o postgres "$PGDATA"
    install -m 0600 -o postgres "$POSTGRES_PASSWORD_FILE" /tmp/password
    setpriv --reuid=postgres --regid=postgres --clear-groups initdb --pgdata="$PGDATA" \
        --username=postgres --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 \
        --locale=C.UTF-8
    rm /tmp/password
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups "$@" -c listen_addresses='*'
