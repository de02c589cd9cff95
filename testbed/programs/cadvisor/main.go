// Command cadvisor is cAdvisor with the few flags that Sourcegraph's image sets. Its own main package is not in the Go module.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/google/cadvisor/cache/memory"
	"github.com/google/cadvisor/container"
	_ "github.com/google/cadvisor/container/containerd/install"
	_ "github.com/google/cadvisor/container/docker/install"
	v2 "github.com/google/cadvisor/info/v2"
	"github.com/google/cadvisor/manager"
	"github.com/google/cadvisor/metrics"
	"github.com/google/cadvisor/utils/sysfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

func main() {
	klog.InitFlags(nil)
	port := flag.Int("port", 8080, "port to listen on")
	wanted := container.MetricSet{}
	flag.Var(&wanted, "enable_metrics", "kinds of metrics to collect, separated by commas")
	labels := flag.Bool("store_container_labels", true, "export all labels of containers")
	some := flag.String("whitelisted_container_labels", "", "the labels to export when store_container_labels is false, separated by commas")
	flag.Parse()
	export := metrics.DefaultContainerLabels
	if !*labels {
		export = metrics.BaseContainerLabels(strings.Split(*some, ","))
	}
	if err := run(*port, wanted, export); err != nil {
		log.Fatal(err)
	}
}

func run(port int, wanted container.MetricSet, labels metrics.ContainerLabelsFunc) error {
	m, err := manager.New(memory.New(2*time.Minute, nil), sysfs.NewRealSysFs(), manager.HousekeepingConfigFlags, wanted, &http.Client{}, []string{"/"}, nil, "", 0)
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	if err := m.Start(); err != nil {
		return fmt.Errorf("start the manager: %w", err)
	}
	registry := prometheus.NewRegistry()
	options := v2.RequestOptions{IdType: v2.TypeName, Count: 1, Recursive: true}
	registry.MustRegister(
		metrics.NewPrometheusCollector(m, labels, wanted, clock.RealClock{}, options),
		metrics.NewPrometheusMachineCollector(m, wanted),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	return http.ListenAndServe(fmt.Sprintf(":%d", port), mux)
}
