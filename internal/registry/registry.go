// Package registry asks container registries which image stands behind a name, without pulling it: for the lock file that records
// what an admin's own registry holds, and for checks before anything is changed.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"berth/internal/diag"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"
)

// parallel is how many requests are under way at once: registries limit clients.
const parallel = 6

// Login is who asks. The zero Login is what `docker login` left on this host.
type Login struct{ Username, Password string }

// option gives the way to sign in.
func (l Login) option() remote.Option {
	if l.Username != "" {
		return remote.WithAuth(&authn.Basic{Username: l.Username, Password: l.Password})
	}
	return remote.WithAuthFromKeychain(authn.DefaultKeychain)
}

// Split takes a reference "repository:tag@digest" apart.
func Split(ref string) (repository, tag, digest string) {
	ref, digest, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		return ref[:i], ref[i+1:], digest
	}
	return ref, "", digest
}

// Digests asks for the digest behind the tag of each reference. Those that are not available are reported, all at once.
func Digests(ctx context.Context, login Login, refs []string) (map[string]string, diag.List) {
	found := make([]string, len(refs))
	problems := make(diag.List, len(refs))
	each(refs, func(i int, ref string) {
		repository, tag, _ := Split(ref)
		digest, err := head(ctx, login, repository+":"+tag)
		if err != nil {
			problems[i] = unavailable(repository+":"+tag, err)
			return
		}
		found[i] = digest
	})
	out := map[string]string{}
	for i, ref := range refs {
		if found[i] != "" {
			out[ref] = found[i]
		}
	}
	return out, compact(problems)
}

// Check proves that each reference can be pulled by its digest, or by its tag where it has none. Where a registry holds another image under the tag, that is said: it
// is not what Sourcegraph published, and it is not run until the admin records it.
func Check(ctx context.Context, login Login, refs []string) diag.List {
	problems := make(diag.List, len(refs))
	each(refs, func(i int, ref string) {
		repository, tag, digest := Split(ref)
		at := repository + "@" + digest
		if digest == "" {
			at = repository + ":" + tag
		}
		_, err := head(ctx, login, at)
		if err == nil {
			return
		}
		if missing(err) && tag != "" && digest != "" {
			if other, tagErr := head(ctx, login, repository+":"+tag); tagErr == nil {
				problems[i] = diag.Diagnostic{Code: "BERTH1210", Severity: diag.Error, Subject: repository + ":" + tag,
					Summary: "the registry has another image than the expected one",
					Detail:  []string{"expected " + short(digest), "there " + short(other)},
					Hint:    "find out who pushed it; if it is right, record it with: berth lock --to " + tag}
				return
			}
		}
		problems[i] = unavailable(at, err)
	})
	return compact(problems)
}

// short is enough of a digest to see that it is another.
func short(digest string) string { return digest[:min(len(digest), 19)] }

func each(refs []string, f func(int, string)) {
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, ref := range refs {
		g.Go(func() error { f(i, ref); return nil })
	}
	_ = g.Wait() // f keeps its own problems
}

// compact leaves out images without a problem, and reports images that have the same problem together: with a mirror it is mostly all
// of them. A reason that all share is said once.
func compact(l diag.List) diag.List {
	var out diag.List
	alike := map[string]diag.List{}
	for _, d := range l {
		if d.Code == "" {
			continue
		}
		if alike[d.Code] == nil {
			out = append(out, d)
		}
		alike[d.Code] = append(alike[d.Code], d)
	}
	for i := range out {
		same := alike[out[i].Code]
		out[i].Detail = details(same)
		if len(same) > 1 {
			out[i].Subject, _, _ = strings.Cut(out[i].Subject, "/")
			out[i].Summary = fmt.Sprintf("%s (%d images)", out[i].Summary, len(same))
		}
	}
	return out
}

// details are a line for each image with its reason, or the reason that all share and the images.
func details(same diag.List) []string {
	shared := !slices.ContainsFunc(same, func(d diag.Diagnostic) bool { return !slices.Equal(d.Detail, same[0].Detail) })
	if reason := same[0].Detail; shared && len(reason) > 0 && len(same) > 1 {
		names := make([]string, len(same))
		for i, d := range same {
			repository, _, _ := Split(d.Subject)
			names[i] = path.Base(repository)
		}
		return append(slices.Clone(reason), "images: "+strings.Join(names, ", "))
	}
	var out []string
	for _, d := range same {
		out = append(out, strings.Join(append([]string{d.Subject}, d.Detail...), "  "))
	}
	return out
}

func head(ctx context.Context, login Login, ref string) (string, error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return "", fmt.Errorf("image %q: %w", ref, err)
	}
	d, err := remote.Head(r, remote.WithContext(ctx), login.option())
	if err != nil {
		return "", err
	}
	return d.Digest.String(), nil
}

// missing reports whether a registry answered that it has no such image.
func missing(err error) bool {
	var t *transport.Error
	return errors.As(err, &t) && t.StatusCode == http.StatusNotFound
}

// unavailable says why an image is not available, and what to do.
func unavailable(ref string, err error) diag.Diagnostic {
	d := diag.Diagnostic{Code: "BERTH1212", Severity: diag.Error, Subject: ref, Summary: "the registry does not answer", Detail: []string{err.Error()},
		Hint: "check the network, the proxy, and images.registry"}
	var t *transport.Error
	if errors.As(err, &t) {
		switch t.StatusCode {
		case http.StatusNotFound:
			d.Code, d.Summary, d.Detail = "BERTH1211", "the registry does not have the image", nil
			d.Hint = "copy the release's images there (berth catalogue show lists them), or check images.registry"
		case http.StatusUnauthorized, http.StatusForbidden:
			d.Code, d.Summary, d.Detail = "BERTH1213", "the registry refuses access to this image", nil
			d.Hint = "sign in with docker login, or set images.login"
		case http.StatusTooManyRequests:
			d.Code, d.Summary, d.Detail = "BERTH1214", "the registry limits requests: there were too many", nil
			d.Hint = "sign in with docker login for a higher limit, or wait"
		}
	}
	return d
}
