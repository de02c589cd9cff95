package store

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"berth/internal/diag"
	"berth/internal/state"
	"berth/internal/target/kubernetes"
)

const (
	// duration is for how long a holder that says nothing more is believed to be there.
	duration = 30 * time.Second
	// renewal is how often a holder says that it is there.
	renewal = 10 * time.Second
	// doubt is how long a lease that looks given up is watched before it is taken: its holder's clock may be another than ours.
	doubt = renewal + 2*time.Second
)

// The annotations that tell who holds the lease.
const (
	annotationUser    = "dev.berth/user"
	annotationHost    = "dev.berth/host"
	annotationPID     = "dev.berth/pid"
	annotationMachine = "dev.berth/machine"
	annotationCommand = "dev.berth/command"
	annotationSince   = "dev.berth/since"
)

// lease is a Lease.
type lease struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Holder      string    `json:"holderIdentity"`
		Renewed     time.Time `json:"renewTime"`
		Transitions int       `json:"leaseTransitions"`
	} `json:"spec"`
}

// lock is a lease that we hold.
type lock struct {
	store       *Store
	holder      state.Holder
	identity    string
	version     string // of the object, as we wrote it last
	acquired    time.Time
	transitions int
	now         func() time.Time
}

func (s *Store) lease() kubernetes.Ref { return s.ref("coordination.k8s.io/v1", "Lease", "") }

// Lock keeps others from working on the installation until release is called, or this process says nothing more for half a minute. When
// somebody else holds it, the error is a diag.List that tells who. The context that it gives ends when the lock is lost. The namespace is
// made when it is not there.
func (s *Store) Lock(ctx context.Context, command string, now func() time.Time) (held context.Context, release func(), err error) {
	l := &lock{store: s, holder: state.Self(command, now()), acquired: now(), now: now}
	l.identity = fmt.Sprintf("%s@%s/%d/%s", l.holder.User, l.holder.Host, l.holder.PID, state.Random()[:8])
	if err := l.take(ctx); err != nil {
		return nil, nil, s.explain("take the lock", err)
	}
	held, lose := context.WithCancelCause(ctx)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		l.keep(context.WithoutCancel(ctx), stop, lose)
	}()
	return held, func() {
		close(stop)
		<-stopped
		lose(context.Canceled)
		l.free(ctx)
	}, nil
}

// take takes the lease. Two that try at once read the same version of it, so one of them gets a conflict and looks again.
func (l *lock) take(ctx context.Context) error {
	var seen lease
	for {
		var now lease
		err := l.store.client.Read(ctx, l.store.lease(), &now)
		if kubernetes.NotFound(err) {
			if err = l.create(ctx); !kubernetes.Exists(err) {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		watched := seen.Metadata.ResourceVersion == now.Metadata.ResourceVersion
		if !now.free() && !watched {
			if now.fresh(l.now()) || seen.Metadata.ResourceVersion != "" {
				return now.atWork(l.now())
			}
			seen = now
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(doubt):
			}
			continue
		}
		l.version, l.transitions = now.Metadata.ResourceVersion, now.Spec.Transitions+1
		if err = l.write(ctx); !kubernetes.Conflict(err) {
			return err
		}
	}
}

// free reports whether nobody holds the lease, or a process of this machine that is no more.
func (l lease) free() bool {
	pid, _ := strconv.Atoi(l.Metadata.Annotations[annotationPID])
	return l.Spec.Holder == "" || gone(l.Metadata.Annotations[annotationMachine], pid)
}

// fresh reports whether a lease was surely renewed within its duration. One from the future says that clocks differ.
func (l lease) fresh(now time.Time) bool {
	age := now.Sub(l.Spec.Renewed)
	return age > -renewal && age < duration
}

func holder(l lease) state.Holder {
	a := l.Metadata.Annotations
	h := state.Holder{User: cmp.Or(a[annotationUser], l.Spec.Holder), Host: a[annotationHost], Command: a[annotationCommand]}
	h.PID, _ = strconv.Atoi(a[annotationPID])
	if since, err := time.Parse(time.RFC3339, a[annotationSince]); err == nil {
		h.Since = since.Local() // the holder may live in another time zone
	}
	return h
}

// atWork is the problem that the holder of the lease is for anybody else, with when it is believed to be gone.
func (l lease) atWork(now time.Time) diag.List {
	problems := holder(l).AtWork()
	problems[0].Detail = append(problems[0].Detail, fmt.Sprintf("its last renewal was %s ago; after %s without one, berth takes the lock", now.Sub(l.Spec.Renewed).Round(time.Second), duration))
	return problems
}

// body is the lease as we hold it; with no identity, as nobody does.
func (l *lock) body(identity string) map[string]any {
	const micro = "2006-01-02T15:04:05.000000Z07:00"
	spec := map[string]any{"holderIdentity": identity, "leaseDurationSeconds": int(duration.Seconds()), "leaseTransitions": l.transitions,
		"acquireTime": l.acquired.UTC().Format(micro), "renewTime": l.now().UTC().Format(micro)}
	obj := l.store.object(l.store.lease(), "lock", map[string]any{"spec": spec})
	meta := obj["metadata"].(map[string]any) // object makes it
	if identity != "" {
		meta["annotations"] = map[string]any{annotationUser: l.holder.User, annotationHost: l.holder.Host, annotationPID: strconv.Itoa(l.holder.PID),
			annotationMachine: machine(), annotationCommand: l.holder.Command, annotationSince: l.holder.Since.Format(time.RFC3339)}
	}
	if l.version != "" {
		meta["resourceVersion"] = l.version
	}
	return obj
}

// create makes the lease, and its namespace before it.
func (l *lock) create(ctx context.Context) error {
	obj, err := l.store.client.Create(ctx, l.body(l.identity), manager)
	if kubernetes.NotFound(err) {
		space := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": l.store.namespace}}
		if _, err := l.store.client.Create(ctx, space, manager); err != nil && !kubernetes.Exists(err) {
			return err
		}
		obj, err = l.store.client.Create(ctx, l.body(l.identity), manager)
	}
	l.took(obj, err)
	return err
}

// write writes the lease over the version that we know.
func (l *lock) write(ctx context.Context) error {
	obj, err := l.store.client.Replace(ctx, l.body(l.identity), manager)
	l.took(obj, err)
	return err
}

func (l *lock) took(obj map[string]any, err error) {
	if meta, ok := obj["metadata"].(map[string]any); ok && err == nil {
		l.version, _ = meta["resourceVersion"].(string)
	}
}

// keep renews the lease until stop. An API server that does not answer takes it from nobody: who else wants it has to ask there, too.
func (l *lock) keep(ctx context.Context, stop <-chan struct{}, lose context.CancelCauseFunc) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // so that a running request does not hold up release
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(renewal)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if by, lost := l.renew(ctx); lost && !l.store.forgotten.Load() {
			lose(by)
			return
		}
	}
}

// renew says that we are still there. lost tells that the lease is somebody else's now.
func (l *lock) renew(ctx context.Context) (by diag.List, lost bool) {
	err := l.write(ctx)
	if kubernetes.NotFound(err) {
		return taken("its Lease was deleted"), true
	}
	if !kubernetes.Conflict(err) {
		return nil, false
	}
	var now lease
	if l.store.client.Read(ctx, l.store.lease(), &now) != nil {
		return nil, false // next time
	}
	if now.Spec.Holder != l.identity {
		h := holder(now)
		return taken(fmt.Sprintf("%s on %s holds it since %s", h.User, h.Host, h.Since.Format(time.DateTime))), true
	}
	// An answer to a renewal was lost, or somebody put a label on it.
	l.version = now.Metadata.ResourceVersion
	return nil, false
}

func taken(how string) diag.List {
	return diag.List{{Code: "BERTH3412", Severity: diag.Error, Subject: "lock", Summary: "the lock of the installation was lost",
		Detail: []string{how, "current steps were finished, no others were started"}, Hint: "see which run changes the installation: berth status"}}
}

// free gives the lease back. If that fails, it expires soon.
func (l *lock) free(ctx context.Context) {
	if l.store.forgotten.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewal)
	defer cancel()
	_, err := l.store.client.Replace(ctx, l.body(""), manager)
	if !kubernetes.Conflict(err) {
		return
	}
	// The last renewal was cut off after it was sent.
	var now lease
	if l.store.client.Read(ctx, l.store.lease(), &now) == nil && now.Spec.Holder == l.identity {
		l.version = now.Metadata.ResourceVersion
		_, _ = l.store.client.Replace(ctx, l.body(""), manager)
	}
}
