package stack

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/diag"
)

// set gives a variable a value, in place of any other.
func (i *Instance) set(name string, value ...Part) {
	for k := range i.Env {
		if i.Env[k].Name == name {
			i.Env[k] = EnvVar{Name: name, Value: value}
			return
		}
	}
	i.Env = append(i.Env, EnvVar{Name: name, Value: value})
}

// setField gives a variable the value of a field of the pod.
func (i *Instance) setField(name, field string) {
	i.unset(name)
	i.Env = append(i.Env, EnvVar{Name: name, Field: field})
}

// has reports whether the instance has a variable.
func (i *Instance) has(name string) bool {
	return slices.ContainsFunc(i.Env, func(e EnvVar) bool { return e.Name == name })
}

// mount mounts something at a path, in place of any other mount there.
func (i *Instance) mount(m Mount) {
	i.Mounts = slices.DeleteFunc(i.Mounts, func(o Mount) bool { return o.Path == m.Path })
	i.Mounts = append(i.Mounts, m)
}

// secrets are the names of the secrets that the instance has.
func (i *Instance) secrets() []string {
	var names []string
	for _, m := range i.Mounts {
		names = append(names, m.Secret)
	}
	for _, e := range i.Env {
		for _, p := range e.Value {
			names = append(names, p.Secret)
		}
	}
	return names
}

func (i *Instance) origin(text string, at diag.Range) {
	i.Origins = append(i.Origins, Origin{Text: text, Range: at})
}

func numbered(text string, i int) string { return strings.ReplaceAll(text, "{i}", strconv.Itoa(i)) }

// cores reads a cpu limit in the catalogue's form. The catalogue's test proves that every one is valid.
func cores(s string) float64 {
	n, _ := strconv.ParseFloat(s, 64)
	return n
}

// bytes reads a memory limit as Compose writes it: b, k, m, g count in 1024s.
func bytes(s string) int64 {
	if s == "" {
		return 0
	}
	unit := map[byte]int64{'b': 1, 'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30}[s[len(s)-1]]
	n, _ := strconv.ParseInt(s[:len(s)-1], 10, 64)
	return n * unit
}

func showCores(n float64) string {
	if n == 0 {
		return "no limit"
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func showBytes(n int64) string {
	switch {
	case n == 0:
		return "no limit"
	case n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	default:
		return fmt.Sprintf("%d MiB", n>>20)
	}
}

// unset removes a variable.
func (i *Instance) unset(name string) {
	i.Env = slices.DeleteFunc(i.Env, func(e EnvVar) bool { return e.Name == name })
}
