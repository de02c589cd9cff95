package installation

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/registry"
	"berth/internal/run"
	"berth/internal/stack"
)

// CloneSuffix makes the name of a clone from that of its original.
const CloneSuffix = "-rehearsal"

// Clonable is what a rehearsal needs of a site: of the clone, which is a site as well.
type Clonable interface {
	// Left reports whether something of the clone is there: a rehearsal that was killed leaves it, or one that was asked to. What has its
	// name, but was made by no rehearsal of the original, is a problem.
	Left(ctx context.Context, original string) (bool, error)
	// Seize makes the clone's place, marked as a rehearsal's of the original before anything else is made there, and takes its lock.
	Seize(ctx context.Context, e *Environment, original string) (held context.Context, release func(), err error)
	// Asking gives tasks that belong to the clone, and ask the databases of the original.
	Asking(ctx context.Context, e *Environment, original Site) (run.Tasks, error)
	// Room finds what there is too little of for a clone of some data, and says what is taken of what there is.
	Room(ctx context.Context, r journey.Room) (taken string, problems diag.List, err error)
	// Wipe deletes the clone: what runs, its data, its passwords.
	Wipe(ctx context.Context, e *Environment) error
}

// Clone is a second installation beside the admin's, for a rehearsal: its databases alone, with passwords of their own. It is a Site of a
// journey, in which everything but databases is left out.
type Clone struct {
	Place
	Original *Want
	Text     string // the config that it has at the moment
	Room     journey.Room
}

var _ journey.Site = (*Clone)(nil)

// CloneOf is the clone of an installation. Nothing is made yet.
func CloneOf(e *Environment, s Site) *Clone {
	l := s.Of()
	c := &Clone{Place: *NewPlace(e, l, 0), Original: l, Text: string(l.Text)}
	c.alter = c.config
	return c
}

// Name is the clone's.
func (c *Clone) Name() string { return c.Original.Stack.Name + CloneSuffix }

// config makes the clone's config from the admin's: the same databases, built in where they are the admin's own, with room for just their data.
func (c *Clone) config(admins *config.Config) {
	admins.Name = c.Name()
	services := maps.Clone(admins.Services)
	if services == nil {
		services = map[string]config.Service{}
	}
	for _, name := range stack.Databases() {
		service := services[name]
		if bytes := c.Room.Volumes[name]; bytes > 0 {
			service.Storage = config.Quantity(fmt.Sprintf("%dMi", bytes>>20+1))
		}
		services[name] = service
	}
	admins.Databases, admins.Services = admins.Bundled(), services
	if c.Original.Stack.Target == catalogue.Kubernetes {
		k := config.KubernetesOptions{}
		if admins.Kubernetes != nil {
			k = *admins.Kubernetes
		}
		k.Namespace = c.Original.Stack.Cluster.Namespace + CloneSuffix
		k.ExistingSecrets, k.Objects, k.Conflicts = nil, nil, nil
		admins.Kubernetes = &k
	}
}

// Open finds the clone as it is.
func (c *Clone) Open(ctx context.Context) (Site, error) { return c.At(ctx, c.Text, stack.Bare, "") }

// Ready proves that the clone can be had as a config asks for, and that the images of everything else in its release can be, too.
func (c *Clone) Ready(ctx context.Context, text string, _ stack.Front) error {
	if err := c.Place.Ready(ctx, text, stack.Bare); err != nil {
		return err
	}
	l, err := c.understood(text)
	if err != nil || l.Stack.Target == catalogue.Kubernetes {
		return err // a cluster's nodes pull, and a site of a cluster has asked as far as it can
	}
	login, err := c.env.Login(l)
	if err != nil {
		return err
	}
	return registry.Check(ctx, login, l.Stack.Images()).Err()
}

// Fetch pulls the images of the databases.
func (c *Clone) Fetch(ctx context.Context, text string, _ stack.Front) error {
	return c.Place.Fetch(ctx, text, stack.Bare)
}

// Deploy runs the databases of a config's release, behind whatever front: there is none.
func (c *Clone) Deploy(ctx context.Context, text string, _ stack.Front, _ string) error {
	c.Text = text
	return c.Place.Deploy(ctx, text, stack.Bare, "")
}

// Roll is Deploy: nobody works with a clone.
func (c *Clone) Roll(ctx context.Context, text string) error {
	return c.Deploy(ctx, text, stack.Open, "")
}

// SetAside is for ways back; a clone has none.
func (c *Clone) SetAside(context.Context, string, string) error {
	return errors.New("a clone is deleted, not rolled back")
}

// Unreached says of problems at the first question to the original's databases what a clone has to do with them.
func (c *Clone) Unreached(err error) error {
	var problems diag.List
	k := c.Original.Doc.Config.Kubernetes
	if !errors.As(err, &problems) || k == nil || !k.NetworkPolicy {
		return err
	}
	namespace := c.Original.Stack.Cluster.Namespace
	return append(problems, diag.Diagnostic{Code: "BERTH3906", Severity: diag.Error, Subject: namespace, Range: c.Original.Doc.At("kubernetes.networkPolicy"),
		Summary: "with networkPolicy, pods of another namespace can't reach the databases, and the clone is in " + namespace + CloneSuffix,
		Hint:    "allow them with your own NetworkPolicy in kubernetes.objects, for pods with the label app of each database; run berth up, then: berth rehearse"})
}

// Search has nobody to ask: Sourcegraph does not run here.
func (c *Clone) Search(context.Context, string, bool) (string, error) {
	return "no search, since only databases run here", nil
}

// Write leaves the admin's file alone.
func (c *Clone) Write(string) error { return nil }

// Task runs a task beside the clone, as it is now.
func (c *Clone) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	// All of the stack, since a task has the variables of its migrator.
	s, err := c.At(ctx, c.Text, stack.Open, "")
	if err != nil {
		return 0, err
	}
	defer s.Close()
	return s.Tasks(c.env).Task(ctx, t, line)
}

// Forget removes what is left of a task.
func (c *Clone) Forget(ctx context.Context, name string) error {
	s, err := c.At(ctx, c.Text, stack.Open, "")
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Tasks(c.env).Forget(ctx, name)
}

// Source gives the clone while it asks the databases of the original, with tasks that can.
func (c *Clone) Source(tasks run.Tasks, original Site) journey.Site {
	return source{c, tasks, original}
}

// source is the clone while it asks the databases of the original.
type source struct {
	*Clone
	run.Tasks
	from Site
}

var _ journey.Site = source{}

// Task runs a task of the clone that asks the original. Nobody else works on the original meanwhile: a dump keeps a migrator waiting.
func (s source) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	ctx, release, err := s.from.Store().Lock(ctx, "rehearse", s.env.Now)
	if err != nil {
		return 0, err
	}
	defer release()
	return s.Tasks.Task(ctx, t, line)
}

// Forget removes what is left of it.
func (s source) Forget(ctx context.Context, name string) error { return s.Tasks.Forget(ctx, name) }

// GiB writes an amount of memory or disk.
func GiB(bytes int64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }
