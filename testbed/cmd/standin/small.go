package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html"
	"net/http"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"
)

// runSyntect marks text up: it only escapes it.
func runSyntect(ctx context.Context, s *service) error {
	m := s.mux(always)
	m.HandleFunc("GET /health", s.health(always))
	m.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Code string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		reply(w, map[string]any{"data": "<pre>" + html.EscapeString(in.Code) + "</pre>", "plaintext": true})
	})
	return s.serve(ctx, map[string]http.Handler{":9238": m, ":6060": s.debug(always)})
}

// runGrafana wants data sources that can be read, as the real one does.
func runGrafana(ctx context.Context, s *service) error {
	const dir = "/sg_config_grafana/provisioning/datasources"
	files, err := filepath.Glob(filepath.Join(dir, "*.y*ml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s has no data sources", dir)
	}
	for _, f := range files {
		if _, err := readYAML(f); err != nil {
			return err
		}
	}
	m := s.mux(always)
	m.HandleFunc("GET /api/health", s.health(always))
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Grafana (stand-in)", s.version) })
	return s.serve(ctx, map[string]http.Handler{":3370": m})
}

func readYAML(file string) (map[string]any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if err := yaml.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// runCadvisor wants the folders of the host that the real one reads.
func runCadvisor(ctx context.Context, s *service) error {
	for _, dir := range []string{"/rootfs", "/sys", "/var/run"} {
		if _, err := os.ReadDir(dir); err != nil {
			return fmt.Errorf("the host's folder is not mounted: %w", err)
		}
	}
	return s.serve(ctx, map[string]http.Handler{":48080": s.mux(always)})
}

// runOtel wants a configuration with receivers, exporters and a service, and listens where the real collector does.
func runOtel(ctx context.Context, s *service) error {
	flags := flag.NewFlagSet("otel-collector", flag.ContinueOnError)
	file := flags.String("config", "", "configuration file")
	if err := flags.Parse(s.args); err != nil {
		return err
	}
	if *file == "" {
		return errors.New("--config is not given")
	}
	c, err := readYAML(*file)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	for _, part := range []string{"receivers", "exporters", "service"} {
		if _, ok := c[part]; !ok {
			return fmt.Errorf("--config %s has no %s", *file, part)
		}
	}
	sink := http.NewServeMux()
	sink.HandleFunc("/", func(http.ResponseWriter, *http.Request) {}) // takes everything
	m := s.mux(always)
	m.HandleFunc("GET /{$}", s.health(always))
	return s.serve(ctx, map[string]http.Handler{":4317": sink, ":4318": sink, ":8888": m, ":13133": m})
}
