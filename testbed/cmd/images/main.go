// Command images turns the layers that docker built into images under the names and versions of Sourcegraph's.
//
// An image of a version is a layer image with other settings: its name, version, user, entry point, environment. Only these few
// hundred bytes are pushed for each, so that one more version of all images takes seconds.
package main

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
)

func main() {
	address := flag.String("registry", "127.0.0.1:5010", "registry with the layers, and where the images go")
	kind := flag.String("kind", full, "which images: full, small or pg-upgrade")
	tags := flag.String("tags", "", "tags of the layers: LAYER=TAG,...")
	engine := flag.String("engine", "", "socket of the engine that containers run on, for cAdvisor")
	list := flag.Bool("list", false, "print the names of the images of the versions, and push nothing")
	layers := flag.Bool("layers", false, "print the layers that the images of the versions need, and push nothing")
	flag.Parse()
	b := bed{address: *address, kind: *kind, engine: *engine, tags: map[string]string{}}
	for pair := range strings.SplitSeq(*tags, ",") {
		layer, tag, _ := strings.Cut(pair, "=")
		b.tags[layer] = tag
	}
	var err error
	switch {
	case *list:
		err = b.show(flag.Args(), func(i image, version string) string { return i.reference(b.path(), version) })
	case *layers:
		err = b.show(flag.Args(), func(i image, _ string) string { return i.layer })
	default:
		err = b.push(flag.Args())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

// bed is where the images go, and of which kind they are.
type bed struct {
	address, kind, engine string
	tags                  map[string]string // of the layers
}

// path is what the images' names stand under.
func (b bed) path() string {
	if b.kind == pgUpgrade {
		return b.address + "/sourcegraph-pg-upgrade"
	}
	return b.address + "/sourcegraph"
}

// show prints something of each image, once.
func (b bed) show(versions []string, what func(i image, version string) string) error {
	said := map[string]bool{}
	for _, v := range versions {
		all, err := of(v, b.kind)
		if err != nil {
			return err
		}
		for _, i := range all {
			if line := what(i, v); !said[line] {
				said[line] = true
				fmt.Println(line)
			}
		}
	}
	return nil
}

func (b bed) push(versions []string) error {
	layers := map[string]v1.Image{}
	for _, v := range versions {
		all, err := of(v, b.kind)
		if err != nil {
			return err
		}
		var push errgroup.Group
		push.SetLimit(4)
		for _, i := range all {
			base, ok := layers[i.layer]
			if !ok {
				ref, err := name.ParseReference(fmt.Sprintf("%s/berth-testbed/%s:%s", b.address, i.layer, b.tags[i.layer]), name.Insecure)
				if err != nil {
					return err
				}
				if base, err = remote.Image(ref); err != nil {
					return fmt.Errorf("layer %s: %w", i.layer, err)
				}
				layers[i.layer] = base
			}
			img, err := i.on(base, v, b.engine)
			if err != nil {
				return fmt.Errorf("image %s: %w", i.name, err)
			}
			ref, err := name.ParseReference(i.reference(b.path(), v), name.Insecure)
			if err != nil {
				return err
			}
			push.Go(func() error {
				if err := remote.Write(ref, img); err != nil {
					return fmt.Errorf("push %s: %w", ref, err)
				}
				return nil
			})
		}
		if err := push.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// on gives the layer image the settings of this image at a version.
func (i image) on(base v1.Image, version, engine string) (v1.Image, error) {
	file, err := base.ConfigFile()
	if err != nil {
		return nil, err
	}
	c := *file.Config.DeepCopy()
	c.Env = append(c.Env, "STANDIN_IMAGE="+i.name, "STANDIN_VERSION="+version)
	if i.layer == "cadvisor" {
		c.Env = append(c.Env, "STANDIN_ENGINE_SOCKET="+engine)
	}
	keys := make([]string, 0, len(i.env))
	for k := range i.env {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		c.Env = append(c.Env, k+"="+i.env[k])
	}
	c.Entrypoint = append([]string{"/usr/bin/tini", "--", "/standin-start"}, strings.Fields(i.entry)...)
	c.Cmd = strings.Fields(i.args)
	c.User = i.user
	c.StopSignal = i.stop
	c.Labels = map[string]string{
		"org.opencontainers.image.title":       "sourcegraph/" + i.name,
		"org.opencontainers.image.version":     version,
		"org.opencontainers.image.description": "Stand-in from berth's testbed, not Sourcegraph's software: " + i.real,
		"berth.testbed.standin":                "true",
	}
	return mutate.Config(base, c)
}
