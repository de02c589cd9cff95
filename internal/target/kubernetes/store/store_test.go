package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/kubetest"
	"github.com/google/go-cmp/cmp"
)

// everywhere runs a test on the API server in memory, and with BERTH_E2E_KUBERNETES=1 on a real one.
func everywhere(t *testing.T, test func(t *testing.T, c *kubernetes.Client, namespace string)) {
	t.Run("memory", func(t *testing.T) {
		test(t, connect(t, kubetest.New(t).Getenv(t)), "default")
	})
	t.Run("real", func(t *testing.T) {
		if os.Getenv("BERTH_E2E_KUBERNETES") == "" || os.Getenv("KUBECONFIG") == "" {
			t.Skip(`needs an API server:  testbed/kubernetes up control; eval "$(testbed/kubernetes env control)"; BERTH_E2E_KUBERNETES=1`)
		}
		c := connect(t, os.Getenv)
		namespace := fmt.Sprintf("berth-store-%d", time.Now().UnixNano()%1e9)
		t.Cleanup(func() {
			_ = c.Delete(context.Background(), kubernetes.Ref{APIVersion: "v1", Kind: "Namespace", Name: namespace}, kubernetes.DeleteOptions{})
		})
		_, release, err := At(c, namespace, "first").Lock(t.Context(), "up", time.Now) // makes the namespace
		if err != nil {
			t.Fatal(err)
		}
		release()
		test(t, c, namespace)
	})
}

func connect(t *testing.T, getenv func(string) string) *kubernetes.Client {
	t.Helper()
	c, err := kubernetes.Connect(t.Context(), getenv, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestSecretsAreMadeOnceAndKept(t *testing.T) {
	everywhere(t, func(t *testing.T, c *kubernetes.Client, namespace string) {
		s := At(c, namespace, "sourcegraph")
		if v, err := s.Generated(t.Context()); len(v) != 0 || err != nil {
			t.Fatal(v, err)
		}
		// Several at once: all have the same in the end.
		var wg sync.WaitGroup
		all := make([]map[string]string, 4)
		for i := range all {
			wg.Go(func() {
				var err error
				if all[i], err = s.Generate(t.Context(), []string{"pgsql-password", fmt.Sprint("own-", i)}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		kept, err := s.Generated(t.Context())
		if err != nil || len(kept) != 5 || len(kept["pgsql-password"]) != 32 {
			t.Fatal(kept, err)
		}
		for i, got := range all {
			if own := fmt.Sprint("own-", i); got["pgsql-password"] != kept["pgsql-password"] || got[own] != kept[own] {
				t.Errorf("%d uses %v, kept is %v", i, got, kept)
			}
		}
	})
}

func TestSecretsThatAreThereAreAdopted(t *testing.T) {
	everywhere(t, func(t *testing.T, c *kubernetes.Client, namespace string) {
		if _, err := At(c, namespace, "sourcegraph").Generate(t.Context(), []string{"own"}); err != nil {
			t.Fatal(err)
		}
		s := At(c, namespace, "sourcegraph")
		s.Adopt(map[string]string{"pgsql-password": "sg", "own": "another"})
		before, err := s.Generated(t.Context())
		if err != nil || before["pgsql-password"] != "sg" || before["own"] == "another" {
			t.Fatal(before, err)
		}
		if _, err := s.Generate(t.Context(), []string{"pgsql-password", "own", "new"}); err != nil {
			t.Fatal(err)
		}
		kept, err := At(c, namespace, "sourcegraph").Generated(t.Context())
		if err != nil || kept["pgsql-password"] != "sg" || kept["own"] != before["own"] || len(kept["new"]) != 32 {
			t.Error(kept, err)
		}
	})
}

func TestSecondLearnsWhoHoldsTheLock(t *testing.T) {
	everywhere(t, func(t *testing.T, c *kubernetes.Client, namespace string) {
		s := At(c, namespace, "sourcegraph")
		held, release, err := s.Lock(t.Context(), "up", time.Now)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = At(c, namespace, "sourcegraph").Lock(t.Context(), "down", time.Now)
		var problems diag.List
		if !errors.As(err, &problems) || problems[0].Code != "BERTH3201" || !strings.Contains(problems[0].Summary, "berth up, pid ") {
			t.Errorf("Lock: %v", err)
		}
		if _, other, err := At(c, namespace, "another").Lock(t.Context(), "up", time.Now); err != nil {
			t.Errorf("another installation: %v", err)
		} else {
			other()
		}
		if held.Err() != nil {
			t.Error("the lock was lost")
		}
		release()
		_, release, err = s.Lock(t.Context(), "down", time.Now)
		if err != nil {
			t.Fatalf("the lock is still held: %v", err)
		}
		release()
	})
}

// TestOnlyOneTakesTheLock: sixteen that try at once.
func TestOnlyOneTakesTheLock(t *testing.T) {
	everywhere(t, func(t *testing.T, c *kubernetes.Client, namespace string) {
		var wg sync.WaitGroup
		var holders atomic.Int32
		for range 16 {
			wg.Go(func() {
				_, release, err := At(c, namespace, "sourcegraph").Lock(t.Context(), "up", time.Now)
				if err == nil {
					holders.Add(1)
					t.Cleanup(release)
				}
			})
		}
		wg.Wait()
		if n := holders.Load(); n != 1 {
			t.Errorf("%d hold the lock", n)
		}
	})
}

// TestKilledHolder: a process of this machine that is no more does not keep the next one waiting.
func TestKilledHolder(t *testing.T) {
	if machine() == "" {
		t.Skip("this system does not tell processes of machines apart")
	}
	server := kubetest.New(t)
	s := At(connect(t, server.Getenv(t)), "default", "sourcegraph")
	holder := func(pid, where string) {
		server.Put("/apis/coordination.k8s.io/v1/namespaces/default/leases/berth-sourcegraph", map[string]any{
			"metadata": map[string]any{"annotations": map[string]any{annotationPID: pid, annotationMachine: where, annotationUser: "eve"}},
			"spec":     map[string]any{"holderIdentity": "eve", "renewTime": time.Now().Format(time.RFC3339)}})
	}
	holder("999999999", "another machine")
	if _, _, err := s.Lock(t.Context(), "up", time.Now); err == nil || !strings.Contains(err.Error(), "eve") {
		t.Errorf("a process of another machine can't be known to be gone: %v", err)
	}
	holder("999999999", machine())
	_, release, err := s.Lock(t.Context(), "up", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	release()
}

// TestLostLock: the work ends when somebody else takes the lock or deletes it.
func TestLostLock(t *testing.T) {
	server := kubetest.New(t)
	s := At(connect(t, server.Getenv(t)), "default", "sourcegraph")
	l := &lock{store: s, holder: state.Self("up", time.Now()), identity: "me", acquired: time.Now(), now: time.Now}
	if err := l.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	if by, lost := l.renew(t.Context()); lost {
		t.Fatal(by)
	}
	// A label by somebody else, or an answer that was lost: still ours.
	if _, err := s.client.Patch(t.Context(), s.lease(), map[string]any{"metadata": map[string]any{"labels": map[string]any{"x": "y"}}}, "other"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if by, lost := l.renew(t.Context()); lost {
			t.Fatal(by)
		}
	}
	other := &lock{store: s, holder: state.Holder{User: "eve", Host: "h", PID: 1}, identity: "eve", acquired: time.Now(), now: time.Now, version: l.version}
	if err := other.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	if by, lost := l.renew(t.Context()); !lost || by[0].Code != "BERTH3412" || !strings.Contains(by[0].Detail[0], "eve on h") {
		t.Errorf("%v %v", by, lost)
	}
	l.free(t.Context()) // must not free what is eve's
	var now lease
	if err := s.client.Read(t.Context(), s.lease(), &now); err != nil || now.Spec.Holder != "eve" {
		t.Errorf("%+v, %v", now, err)
	}
	if err := s.client.Delete(t.Context(), s.lease(), kubernetes.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, lost := other.renew(t.Context()); !lost {
		t.Error("a lease that was deleted is held")
	}
}

func TestFresh(t *testing.T) {
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]bool{0: true, 29 * time.Second: true, 31 * time.Second: false, -5 * time.Second: true, -time.Hour: false} {
		var l lease
		l.Spec.Renewed = now.Add(-age)
		if got := l.fresh(now); got != want {
			t.Errorf("renewed %s ago: fresh is %v", age, got)
		}
	}
}

func TestHistory(t *testing.T) {
	everywhere(t, func(t *testing.T, c *kubernetes.Client, namespace string) {
		s := At(c, namespace, "sourcegraph")
		p := &plan.Plan{Release: "7.5.0", Steps: []plan.Step{{ID: 1, Verb: plan.Create, Object: "pgsql"}}}
		start := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
		first := state.NewRecord(plan.Up, "7.5.0", "target: kubernetes\n", start)
		first.Plan = p
		if err := s.Add(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		first.Steps = append(first.Steps, state.StepTime{Step: 1, Seconds: 2, Done: true})
		first.End(state.Done, nil, start.Add(time.Minute))
		if err := s.Save(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		large := strings.Repeat("# a long config\n", 60_000)
		if err := s.Add(t.Context(), state.NewRecord(plan.Up, "7.5.0", large, start)); err != nil {
			t.Fatal(err)
		}
		runs, err := s.History(t.Context())
		if err != nil || len(runs) != 2 {
			t.Fatalf("%d runs, %v", len(runs), err)
		}
		if diff := cmp.Diff(*first, runs[0]); diff != "" {
			t.Error(diff)
		}
		if runs[1].Number != 2 || runs[1].Result != state.Killed || runs[1].Config != large {
			t.Errorf("the second: %d, %s, %d bytes of config", runs[1].Number, runs[1].Result, len(runs[1].Config))
		}
		for range remembered {
			if err := s.Add(t.Context(), state.NewRecord(plan.Up, "7.5.0", "", start)); err != nil {
				t.Fatal(err)
			}
		}
		if runs, err = s.History(t.Context()); err != nil || len(runs) != remembered || runs[0].Number != 3 {
			t.Errorf("%d runs from %d, %v", len(runs), runs[0].Number, err)
		}
	})
}

func TestJournalAndInventory(t *testing.T) {
	everywhere(t, func(t *testing.T, c *kubernetes.Client, namespace string) {
		s := At(c, namespace, "sourcegraph")
		for range 2 { // the second in place of the first
			ctx, cancel := context.WithCancel(t.Context())
			j, err := s.Journal(ctx, 1)
			if err != nil {
				t.Fatal(err)
			}
			cancel() // what is done then is written down as well
			if err := errors.Join(j.Add(state.Entry{Event: "begin", Step: 1}, state.Entry{Event: "begin", Step: 2}), j.Add(), j.Add(state.Entry{Event: "end", Step: 1}), j.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if entries, err := s.Written(t.Context()); len(entries) != 3 || err != nil {
			t.Errorf("%+v, %v", entries, err)
		}
		a := kubernetes.Ref{APIVersion: "v1", Kind: "Service", Namespace: namespace, Name: "a"}
		b := kubernetes.Ref{APIVersion: "v1", Kind: "Service", Namespace: namespace, Name: "b"}
		if err := errors.Join(s.Conclude(t.Context(), []kubernetes.Ref{a}), s.Intend(t.Context(), []kubernetes.Ref{b, a}), s.Intend(t.Context(), []kubernetes.Ref{b})); err != nil {
			t.Fatal(err)
		}
		i, err := s.Inventory(t.Context())
		if diff := cmp.Diff([]kubernetes.Ref{a, b}, i.All()); diff != "" || err != nil || len(i.Applied) != 1 {
			t.Error(diff, err, i)
		}
		if err := s.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i, err := s.Inventory(t.Context()); err != nil || len(i.All()) != 0 {
			t.Error(i, err)
		}
	})
}

func TestRightsThatAreMissing(t *testing.T) {
	server := kubetest.New(t)
	s := At(connect(t, server.Getenv(t)), "default", "sourcegraph")
	server.Before = func(w http.ResponseWriter, r *http.Request) bool {
		kubetest.Refuse(w, http.StatusForbidden, "Forbidden", `leases "berth-sourcegraph" is forbidden: User "eve" cannot get it`)
		return true
	}
	_, _, err := s.Lock(t.Context(), "up", time.Now)
	var problems diag.List
	if !errors.As(err, &problems) || problems[0].Code != "BERTH3411" || !strings.Contains(problems[0].Detail[0], "eve") {
		t.Errorf("got %v", err)
	}
}
