#!/bin/sh
# The exporter ends with the container; Redis is what is waited for.
prometheus-redis-exporter -web.listen-address=:9121 -redis.addr=redis://127.0.0.1:6379 >/dev/null 2>&1 &
exec redis-server "/etc/redis/$STANDIN_IMAGE.conf" "$@"
