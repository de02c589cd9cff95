#!/bin/sh
# The exporter ends with the container; Redis is what is waited for.
# In a pod the exporter is a container of its own, on the same port.
[ -n "${KUBERNETES_SERVICE_HOST:-}" ] || prometheus-redis-exporter -web.listen-address=:9121 -redis.addr=redis://127.0.0.1:6379 >/dev/null 2>&1 &
exec redis-server "/etc/redis/$STANDIN_IMAGE.conf" "$@"
