package run

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/plan"
)

// proxy notes when requests passed and were held, in seconds since the begin.
type proxy struct {
	began time.Time
	noted []string
	fail  error
}

func (p *proxy) pass(_ context.Context, on bool) error {
	if p.fail != nil {
		return p.fail
	}
	p.noted = append(p.noted, map[bool]string{true: "pass ", false: "hold "}[on]+time.Since(p.began).String())
	return nil
}

func replace(object string) plan.Step {
	return plan.Step{Verb: plan.Update, Object: object, Effect: plan.Downtime}
}

func TestHold(t *testing.T) {
	const pgsql, redis = "StatefulSet/pgsql", "Deployment/redis-cache"
	cases := []struct {
		name string
		do   func(ctx context.Context, h *Hold)
		want []string
	}{
		{"nothing that requests need", func(ctx context.Context, h *Hold) {
			h.Before(ctx, []plan.Step{replace("Deployment/worker"), {Verb: plan.Update, Object: pgsql, Effect: plan.None}})
		}, nil},
		{"one thing", func(ctx context.Context, h *Hold) {
			h.Before(ctx, []plan.Step{replace(pgsql)})
			time.Sleep(10 * time.Second)
			h.Back(pgsql)
			time.Sleep(10 * time.Second)
		}, []string{"hold 0s", "pass 13s"}}, // two until all know it, one after it is back
		{"until the last of two is back", func(ctx context.Context, h *Hold) {
			h.Before(ctx, []plan.Step{replace(pgsql), replace(redis)})
			h.Back(redis)
			time.Sleep(5 * time.Second)
			h.Back(pgsql)
			time.Sleep(10 * time.Second)
		}, []string{"hold 0s", "pass 8s"}},
		{"the next goes before it opens", func(ctx context.Context, h *Hold) {
			h.Before(ctx, []plan.Step{replace(pgsql)})
			h.Back(pgsql)
			h.Before(ctx, []plan.Step{replace(redis)})
			time.Sleep(5 * time.Second)
			h.Back(redis)
			time.Sleep(10 * time.Second)
		}, []string{"hold 0s", "pass 8s"}},
		{"once more", func(ctx context.Context, h *Hold) {
			h.Before(ctx, []plan.Step{replace(pgsql)})
			h.Back(pgsql)
			time.Sleep(5 * time.Second)
			h.Before(ctx, []plan.Step{replace(redis)})
			h.Back(redis)
			time.Sleep(5 * time.Second)
		}, []string{"hold 0s", "pass 3s", "hold 7s", "pass 10s"}},
		{"never back", func(ctx context.Context, h *Hold) {
			h.Before(ctx, []plan.Step{replace(pgsql)})
			time.Sleep(time.Hour)
			h.Back(pgsql)
		}, []string{"hold 0s", "pass 45s"}},
		{"what holds them goes itself", func(ctx context.Context, h *Hold) {
			h.Before(ctx, []plan.Step{replace(pgsql)})
			h.Before(ctx, []plan.Step{replace("caddy")})
		}, []string{"hold 0s", "pass 2s"}},
		{"others answer", func(ctx context.Context, h *Hold) {
			h.Before(ctx, []plan.Step{replace("frontend-0")})
			h.Before(ctx, []plan.Step{replace("frontend-1")}) // it passes already
			h.Before(ctx, []plan.Step{replace(pgsql)})
			h.Before(ctx, []plan.Step{replace("frontend-1")}) // and is held now
			h.Back(pgsql)
			time.Sleep(5 * time.Second)
		}, []string{"pass 0s", "hold 0s", "pass 3s"}},
		{"stopped in the middle", func(ctx context.Context, h *Hold) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			h.Before(ctx, []plan.Step{replace(pgsql)})
			h.End()
			time.Sleep(time.Hour)
		}, []string{"hold 0s", "pass 1s"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &proxy{began: time.Now()}
				h := &Hold{Awaited: map[string]bool{pgsql: true, redis: true}, Shared: map[string]bool{"frontend-0": true, "frontend-1": true}, By: "caddy", Pass: p.pass, Spreading: 2 * time.Second, Longest: 45 * time.Second}
				c.do(t.Context(), h)
				synctest.Wait()
				if waited := h.Waited(); (waited > 0) != slices.ContainsFunc(c.want, func(s string) bool { return strings.HasPrefix(s, "hold") }) || waited > h.Longest {
					t.Errorf("requests waited for %s", waited)
				}
				if !slices.Equal(p.noted, c.want) {
					t.Errorf("the proxy was asked to %q, want %q", p.noted, c.want)
				}
			})
		})
	}
}

// TestHoldWithoutProxy: what can't be held is done all the same, at once.
func TestHoldWithoutProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proxy{began: time.Now(), fail: errors.New("forbidden")}
		h := &Hold{Awaited: map[string]bool{"StatefulSet/pgsql": true}, Pass: p.pass, Spreading: 2 * time.Second, Longest: 45 * time.Second}
		h.Before(t.Context(), []plan.Step{replace("StatefulSet/pgsql")})
		if took, how := time.Since(p.began), h.How("StatefulSet/pgsql"); took != 0 || how != ", requests do not wait: forbidden" {
			t.Errorf("it took %s and says %q", took, how)
		}
		h.Back("StatefulSet/pgsql")
		h.End()
		var none *Hold
		none.Before(t.Context(), []plan.Step{replace("StatefulSet/pgsql")})
		none.Back("StatefulSet/pgsql")
		none.End()
	})
}

// TestHoldThatCannotOpen: it tries again at the end.
func TestHoldThatCannotOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &proxy{began: time.Now()}
		h := &Hold{Awaited: map[string]bool{"StatefulSet/pgsql": true}, Pass: p.pass, Spreading: 2 * time.Second, Longest: 45 * time.Second}
		h.Before(t.Context(), []plan.Step{replace("StatefulSet/pgsql")})
		synctest.Wait()
		p.fail = errors.New("the API server is away")
		h.Back("StatefulSet/pgsql")
		time.Sleep(time.Minute)
		synctest.Wait()
		p.fail = nil
		h.End()
		if want := []string{"hold 0s", "pass 1m2s"}; !slices.Equal(p.noted, want) {
			t.Errorf("the proxy was asked to %q, want %q", p.noted, want)
		}
	})
}
