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
exec prometheus --config.file="$config" --storage.tsdb.path=/prometheus --web.listen-address=:9090 --web.enable-lifecycle "$@"
