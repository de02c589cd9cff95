#!/bin/sh
# Sourcegraph's image starts cAdvisor with these flags. The engine of the test bed has its socket in a folder of its own, which cAdvisor sees below
# /rootfs; an engine of the machine has it where cAdvisor looks by itself.
for socket in "/rootfs${STANDIN_ENGINE_SOCKET:-}"; do
  if [ ! -S /var/run/docker.sock ] && [ -S "$socket" ]; then set -- "-docker=unix://$socket" "$@"; fi
done
exec cadvisor -logtostderr -port=48080 -enable_metrics=cpu,diskIO,memory,network -docker_only -housekeeping_interval=10s \
  -max_housekeeping_interval=15s -event_storage_event_limit=default=0 -event_storage_age_limit=default=0 -v=3 \
  -containerd=/var/run/containerd/containerd.sock "$@"
