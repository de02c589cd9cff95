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
	tag := flag.String("layers", "", "tag of the layers")
	list := flag.Bool("list", false, "print the names of the images of the versions, and push nothing")
	flag.Parse()
	work := func() error { return run(*address, *tag, flag.Args()) }
	if *list {
		work = func() error { return show(*address, flag.Args()) }
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func show(address string, versions []string) error {
	for _, v := range versions {
		all, err := of(v)
		if err != nil {
			return err
		}
		for _, i := range all {
			fmt.Println(i.reference(address, v))
		}
	}
	return nil
}

func run(address, tag string, versions []string) error {
	layers := map[string]v1.Image{}
	for _, v := range versions {
		all, err := of(v)
		if err != nil {
			return err
		}
		var push errgroup.Group
		push.SetLimit(4)
		for _, i := range all {
			base, ok := layers[i.layer]
			if !ok {
				ref, err := name.ParseReference(fmt.Sprintf("%s/berth-testbed/%s:%s", address, i.layer, tag), name.Insecure)
				if err != nil {
					return err
				}
				if base, err = remote.Image(ref); err != nil {
					return fmt.Errorf("layer %s: %w", i.layer, err)
				}
				layers[i.layer] = base
			}
			img, err := i.on(base, v)
			if err != nil {
				return fmt.Errorf("image %s: %w", i.name, err)
			}
			ref, err := name.ParseReference(i.reference(address, v), name.Insecure)
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
func (i image) on(base v1.Image, version string) (v1.Image, error) {
	file, err := base.ConfigFile()
	if err != nil {
		return nil, err
	}
	c := *file.Config.DeepCopy()
	c.Env = append(c.Env, "STANDIN_IMAGE="+i.name, "STANDIN_VERSION="+version)
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
