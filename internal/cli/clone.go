package cli

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

// cloneSuffix makes the name of a clone from that of its original.
const cloneSuffix = "-rehearsal"

// clonable is what a rehearsal needs of a site: of the clone, which is a site as well.
type clonable interface {
	// left reports whether something of the clone is there: a rehearsal that was killed leaves it, or one that was asked to. What has its
	// name, but was made by no rehearsal of the original, is a problem.
	left(ctx context.Context, original string) (bool, error)
	// seize makes the clone's place, marked as a rehearsal's of the original before anything else is made there, and takes its lock.
	seize(ctx context.Context, e *Env, original string) (held context.Context, release func(), err error)
	// asking gives tasks that belong to the clone, and ask the databases of the original.
	asking(ctx context.Context, e *Env, original site) (run.Tasks, error)
	// room finds what there is too little of for a clone of some data, and says what is taken of what there is.
	room(ctx context.Context, r journey.Room) (taken string, problems diag.List, err error)
	// wipe deletes the clone: what runs, its data, its passwords.
	wipe(ctx context.Context, e *Env) error
}

// clone is a second installation beside the admin's, for a rehearsal: its databases alone, with passwords of their own. It is a Site of a
// journey, in which everything but databases is left out.
type clone struct {
	place
	original *loaded
	text     string // the config that it has at the moment
	room     journey.Room
}

var _ journey.Site = (*clone)(nil)

// cloneOf is the clone of an installation. Nothing is made yet.
func (e *Env) cloneOf(s site) *clone {
	l := s.of()
	c := &clone{place: place{env: e, file: l.file, dir: l.dir}, original: l, text: string(l.text)}
	c.alter = c.config
	return c
}

// name is the clone's.
func (c *clone) name() string { return c.original.stack.Name + cloneSuffix }

// config makes the clone's config from the admin's: the same databases, built in where they are the admin's own, with room for just their data.
func (c *clone) config(admins *config.Config) {
	admins.Name = c.name()
	databases, services := map[string]config.Database{}, maps.Clone(admins.Services)
	if services == nil {
		services = map[string]config.Service{}
	}
	for _, name := range stack.Databases() {
		databases[name] = config.Database{Settings: admins.Databases[name].Settings}
		service := services[name]
		if bytes := c.room.Volumes[name]; bytes > 0 {
			service.Storage = config.Quantity(fmt.Sprintf("%dMi", bytes>>20+1))
		}
		services[name] = service
	}
	admins.Databases, admins.Services = databases, services
	if c.original.stack.Target == catalogue.Kubernetes {
		k := config.KubernetesOptions{}
		if admins.Kubernetes != nil {
			k = *admins.Kubernetes
		}
		k.Namespace = c.original.stack.Cluster.Namespace + cloneSuffix
		k.ExistingSecrets, k.Objects, k.Conflicts = nil, nil, nil
		admins.Kubernetes = &k
	}
}

// open finds the clone as it is.
func (c *clone) open(ctx context.Context) (site, error) { return c.at(ctx, c.text, stack.Bare, "") }

// Ready proves that the clone can be had as a config asks for, and that the images of everything else in its release can be, too.
func (c *clone) Ready(ctx context.Context, text string) error {
	if err := c.ready(ctx, text, stack.Bare); err != nil {
		return err
	}
	l, err := c.understood(text)
	if err != nil || l.stack.Target == catalogue.Kubernetes {
		return err // a cluster's nodes pull, and a site of a cluster has asked as far as it can
	}
	login, err := c.env.login(l)
	if err != nil {
		return err
	}
	return registry.Check(ctx, login, l.stack.Images()).Err()
}

// Fetch pulls the images of the databases.
func (c *clone) Fetch(ctx context.Context, text string) error { return c.fetch(ctx, text, stack.Bare) }

// Deploy runs the databases of a config's release, behind whatever front: there is none.
func (c *clone) Deploy(ctx context.Context, text string, _ stack.Front, _ string) error {
	c.text = text
	return c.place.Deploy(ctx, text, stack.Bare, "")
}

// SetAside is for ways back; a clone has none.
func (c *clone) SetAside(context.Context, string, string) error {
	return errors.New("a clone is deleted, not gone back with")
}

// unreached says of problems at the first question to the original's databases what a clone has to do with them.
func (c *clone) unreached(err error) error {
	var problems diag.List
	k := c.original.doc.Config.Kubernetes
	if !errors.As(err, &problems) || k == nil || !k.NetworkPolicy {
		return err
	}
	namespace := c.original.stack.Cluster.Namespace
	return append(problems, diag.Diagnostic{Code: "BERTH3906", Severity: diag.Error, Subject: namespace, Range: c.original.doc.At("kubernetes.networkPolicy"),
		Summary: "with networkPolicy, pods of another namespace may not reach the databases, and the clone is in " + namespace + cloneSuffix,
		Hint:    "let them with a NetworkPolicy of yours in kubernetes.objects, for pods with the label app of each database; berth up, then: berth rehearse"})
}

// Search has nobody to ask: Sourcegraph does not run here.
func (c *clone) Search(context.Context, string, bool) (string, error) {
	return "no search, since only databases run here", nil
}

// Write leaves the admin's file alone.
func (c *clone) Write(string) error { return nil }

// Task runs a task beside the clone, as it is now.
func (c *clone) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	// All of the stack, since a task has the variables of its migrator.
	s, err := c.at(ctx, c.text, stack.Open, "")
	if err != nil {
		return 0, err
	}
	defer s.close()
	return s.tasks(c.env).Task(ctx, t, line)
}

// Forget removes what is left of a task.
func (c *clone) Forget(ctx context.Context, name string) error {
	s, err := c.at(ctx, c.text, stack.Open, "")
	if err != nil {
		return err
	}
	defer s.close()
	return s.tasks(c.env).Forget(ctx, name)
}

// source is the clone while it asks the databases of the original.
type source struct {
	*clone
	run.Tasks
	from site
}

var _ journey.Site = source{}

// Task runs a task of the clone that asks the original. Nobody else works on the original meanwhile: a dump keeps a migrator waiting.
func (s source) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	ctx, release, err := s.from.store().Lock(ctx, "rehearse", s.env.Now)
	if err != nil {
		return 0, err
	}
	defer release()
	return s.Tasks.Task(ctx, t, line)
}

// Forget removes what is left of it.
func (s source) Forget(ctx context.Context, name string) error { return s.Tasks.Forget(ctx, name) }
