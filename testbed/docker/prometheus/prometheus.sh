#!/bin/sh
# Settings mounted by the deployment win over those of the image.
set -eu
if [ -z "${SRC_FRONTEND_INTERNAL:-}" ] && [ -z "${KUBERNETES_SERVICE_HOST:-}" ]; then
  echo "prometheus: SRC_FRONTEND_INTERNAL is not set" >&2
  exit 1
fi
config=/sg_config_prometheus/prometheus.yml
[ ! -f /sg_prometheus_add_ons/prometheus.yml ] || config=/sg_prometheus_add_ons/prometheus.yml
# Debian's Prometheus is built without Kubernetes: in a pod it scrapes what the image knows by name.
if grep -q kubernetes_sd_configs "$config"; then config=/sg_config_prometheus/prometheus.yml; fi
# As in Sourcegraph's image, one container runs both. When Alertmanager ends, so does Prometheus, which this shell becomes: a container
# that is healthy without its Alertmanager would hide the failure.
(
  prometheus-alertmanager --config.file=/sg_config_prometheus/alertmanager.yml --storage.path=/prometheus/alertmanager \
    --web.listen-address=:9093 --web.route-prefix=/alertmanager --cluster.listen-address= || true
  kill $$
) &
exec prometheus --config.file="$config" --storage.tsdb.path=/prometheus --web.listen-address=:9090 --web.enable-lifecycle "$@"
