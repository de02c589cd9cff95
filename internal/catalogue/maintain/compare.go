package maintain

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CompareCompose lists the differences between two Compose files, after it brings both into one form: lists of variables as maps, sizes in
// bytes, durations in seconds, ports and mounts in one form, commands as lists, Compose's defaults left out.
func CompareCompose(shipped, rendered map[string]any) []Difference {
	before, _ := unescape(shipped).(map[string]any)
	after, _ := unescape(rendered).(map[string]any)
	services, renderedServices := section(before, "services"), section(after, "services")
	var all []Difference
	for _, name := range sortedKeys(union(services, renderedServices)) {
		a, b := services[name], renderedServices[name]
		switch {
		case a == nil:
			all = append(all, Difference{Part: name, Shipped: nothing, Rendered: "a service"})
		case b == nil:
			all = append(all, Difference{Part: name, Shipped: "a service", Rendered: nothing})
		default:
			all = append(all, compareTrees(name, "", normalService(a), normalService(b))...)
		}
	}
	return append(all, compareTrees("project", "", normalProject(before), normalProject(after))...)
}

func section(file map[string]any, name string) map[string]any {
	all, _ := file[name].(map[string]any)
	return all
}

// normalProject is a Compose file without its services.
func normalProject(file map[string]any) map[string]any {
	normal := map[string]any{}
	for key, value := range file {
		switch key {
		case "services":
		case "volumes", "networks":
			normal[key] = named(value)
		default:
			normal[key] = value
		}
	}
	return normal
}

// named makes maps of the options of volumes and networks, which may be missing.
func named(value any) map[string]any {
	all := map[string]any{}
	items, _ := value.(map[string]any)
	for name, options := range items {
		if options == nil {
			options = map[string]any{}
		}
		all[name] = options
	}
	return all
}

func normalService(value any) map[string]any {
	service, _ := value.(map[string]any)
	normal := map[string]any{"environment": map[string]any{}, "labels": map[string]any{}}
	for key, value := range service {
		switch key {
		case "environment", "labels":
			normal[key] = normalPairs(value)
		case "ports":
			normal[key] = normalList(value, normalPort)
		case "expose", "devices":
			normal[key] = normalList(value, text)
		case "volumes":
			normal[key] = normalMounts(value)
		case "healthcheck":
			normal[key] = normalHealth(value)
		case "depends_on":
			normal[key] = normalDependencies(value)
		case "networks":
			normal[key] = normalNames(value)
		case "command", "entrypoint":
			normal[key] = normalCommand(value)
		case "cpus":
			normal[key] = normalNumber(value)
		case "mem_limit", "shm_size", "mem_reservation":
			normal[key] = normalSize(value)
		case "stop_grace_period":
			normal[key] = normalDuration(value)
		default:
			normal[key] = value
		}
	}
	return normal
}

// normalPairs turns a list of NAME=VALUE into a map, and parses JSON values.
func normalPairs(value any) map[string]any {
	all := map[string]any{}
	pairs, isMap := value.(map[string]any)
	if !isMap {
		list, _ := texts(value)
		pairs = map[string]any{}
		for _, pair := range list {
			name, value, _ := strings.Cut(pair, "=")
			pairs[name] = value
		}
	}
	for name, value := range pairs {
		plain := text(value)
		var list []any
		if json.Unmarshal([]byte(plain), &list) == nil {
			all[name] = list
			continue
		}
		all[name] = plain
	}
	return all
}

func normalList(value any, normal func(any) string) []any {
	items, _ := value.([]any)
	list := make([]string, len(items))
	for i, item := range items {
		list[i] = normal(item)
	}
	slices.Sort(list)
	return anys(list)
}

func anys(list []string) []any {
	all := make([]any, len(list))
	for i, item := range list {
		all[i] = item
	}
	return all
}

// normalPort is HOST:PUBLISHED:PORT/PROTOCOL.
func normalPort(value any) string {
	host, published, port, protocol := "", "", "", "tcp"
	if long, ok := value.(map[string]any); ok {
		host, published, port = text(long["host_ip"]), text(long["published"]), text(long["target"])
		if long["protocol"] != nil {
			protocol = text(long["protocol"])
		}
	} else {
		plain, proto, _ := strings.Cut(text(value), "/")
		if proto != "" {
			protocol = proto
		}
		parts := strings.Split(plain, ":")
		port = parts[len(parts)-1]
		if len(parts) > 1 {
			published = parts[len(parts)-2]
		}
		host = strings.Join(parts[:max(0, len(parts)-2)], ":")
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return host + ":" + published + ":" + port + "/" + protocol
}

// normalMounts are the mounts by path in the container: source and options.
func normalMounts(value any) map[string]any {
	all := map[string]any{}
	items, _ := value.([]any)
	for _, item := range items {
		source, target, how := "", "", "rw"
		if long, ok := item.(map[string]any); ok {
			source, target = text(long["source"]), text(long["target"])
			if long["read_only"] == true {
				how = "ro"
			}
		} else {
			parts := strings.SplitN(text(item), ":", 3)
			source, target = parts[0], parts[min(1, len(parts)-1)]
			if len(parts) == 3 {
				how = parts[2]
			}
		}
		if strings.HasPrefix(source, ".") {
			source = "file " + path.Join("/", "x", source)[1:]
			source = strings.Replace(source, "file x/", "file ", 1)
		}
		all[path.Clean(target)] = path.Clean(source) + " " + how
	}
	return all
}

func normalHealth(value any) map[string]any {
	health, _ := value.(map[string]any)
	normal := map[string]any{}
	for key, value := range health {
		switch key {
		case "test":
			list, isList := value.([]any)
			if !isList {
				list = []any{"CMD-SHELL", text(value)}
			}
			normal[key] = list
		case "retries":
			normal[key] = text(value)
		default:
			normal[key] = normalDuration(value)
		}
	}
	return normal
}

func normalDependencies(value any) map[string]any {
	all := map[string]any{}
	if list, ok := value.([]any); ok {
		for _, name := range list {
			all[text(name)] = map[string]any{"condition": "service_started"}
		}
		return all
	}
	items, _ := value.(map[string]any)
	for name, item := range items {
		options, _ := item.(map[string]any)
		normal := map[string]any{}
		for key, value := range options {
			if key == "required" && value == true || key == "restart" && value == false {
				continue
			}
			normal[key] = value
		}
		all[name] = normal
	}
	return all
}

func normalNames(value any) any {
	if list, ok := value.([]any); ok {
		all := map[string]any{}
		for _, name := range list {
			all[text(name)] = map[string]any{}
		}
		return all
	}
	return named(value)
}

func normalCommand(value any) any {
	if list, ok := value.([]any); ok {
		return list
	}
	return anys(strings.Fields(text(value)))
}

func normalNumber(value any) any {
	number, err := strconv.ParseFloat(text(value), 64)
	if err != nil {
		return value
	}
	return number
}

// normalDuration is a duration in seconds: 1h, 60m and 3600s are the same.
func normalDuration(value any) any {
	duration, err := time.ParseDuration(text(value))
	if err != nil {
		return value
	}
	return duration.Seconds()
}

// normalSize is a size in bytes, as Docker reads sizes: b, k, m, g are powers of 1024, with or without a B after them.
func normalSize(value any) any {
	plain := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(text(value)), "b"), "i")
	number := strings.TrimRight(plain, "kmgt")
	size, err := strconv.ParseFloat(number, 64)
	power := strings.Index("kmgt", plain[len(number):])
	if err != nil || len(plain)-len(number) > 1 {
		return value
	}
	if plain != number {
		for range power + 1 {
			size *= 1024
		}
	}
	return fmt.Sprintf("%.0f bytes", size)
}
