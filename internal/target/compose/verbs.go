package compose

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/registry"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// Up makes and starts the containers of some units, in one go.
func (e *Engine) Up(p Project, units []string) error {
	return e.run(p, append([]string{"up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--quiet-pull"}, units...)...)
}

// Replace recreates the containers of some units; volumes stay.
func (e *Engine) Replace(p Project, units []string) error {
	return e.run(p, append([]string{"up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--force-recreate"}, units...)...)
}

// post asks the engine to do something with a container. One that is so already is as it should be.
func (e *Engine) post(ctx context.Context, container, verb string, in any) error {
	return e.api.call(ctx, http.MethodPost, "/containers/"+container+"/"+verb, nil, in, nil)
}

// remove asks the engine to remove something. What is gone already is as it should be.
func (e *Engine) remove(ctx context.Context, path string, query url.Values) error {
	if err := e.api.call(ctx, http.MethodDelete, path, query, nil, nil); !notFound(err) {
		return err
	}
	return nil
}

// Start starts a container that does not run, or that is paused.
func (e *Engine) Start(ctx context.Context, container string) error {
	err := e.post(ctx, container, "start", nil)
	if err != nil && strings.Contains(err.Error(), "paused") {
		err = e.post(ctx, container, "unpause", nil)
	}
	return named("start", container, err)
}

// Restart stops and starts a container, with the time to stop that it asks for.
func (e *Engine) Restart(ctx context.Context, container string) error {
	return named("restart", container, e.post(ctx, container, "restart", nil))
}

// Remove stops and removes a container; its named volumes stay. One that is gone already is as it should be.
func (e *Engine) Remove(ctx context.Context, container string) error {
	if err := e.post(ctx, container, "stop", nil); err != nil && !notFound(err) {
		return named("stop", container, err)
	}
	return named("remove", container, e.remove(ctx, "/containers/"+container, url.Values{"force": {"1"}}))
}

// Discard removes a container at once: what it has in hand is lost. Its named volumes stay.
func (e *Engine) Discard(ctx context.Context, container string) error {
	return named("remove", container, e.remove(ctx, "/containers/"+container, url.Values{"force": {"1"}}))
}

// RemoveNetwork removes a network that nothing is connected to. An engine under load still counts a container for a moment that it has
// removed. An engine can count wrong when many start or end at once, and refuses until it is restarted: such a network, empty by its own
// word, is left, and is no failure. The next up uses it.
//
// Source: https://github.com/moby/moby/issues/42119
func (e *Engine) RemoveNetwork(ctx context.Context, network string) error {
	for begun := time.Now(); ; {
		err := e.remove(ctx, "/networks/"+network, nil)
		if err == nil || !strings.Contains(err.Error(), "active endpoints") || ctx.Err() != nil {
			return named("remove network", network, err)
		}
		var n struct{ Containers map[string]any }
		if unknown := e.api.call(ctx, http.MethodGet, "/networks/"+network, nil, nil, &n); unknown != nil {
			return named("look at network", network, unknown)
		}
		if wait := time.Since(begun); len(n.Containers) == 0 && wait > miscounting {
			return nil
		} else if wait > detaching {
			return named("remove network", network, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

const (
	// detaching is how long an engine may take to see that a network is empty.
	detaching = 20 * time.Second
	// miscounting is how long it may count containers that it lists no more.
	miscounting = 5 * time.Second
)

// DeleteVolume deletes a volume and the data in it.
func (e *Engine) DeleteVolume(ctx context.Context, volume string) error {
	return named("delete volume", volume, e.remove(ctx, "/volumes/"+volume, nil))
}

// Limit changes the limits of a container in place. A limit of 0 stays as it is: the engine can't take one away.
func (e *Engine) Limit(ctx context.Context, name string, cpus float64, memory int64) error {
	// Twice the memory is what the engine takes for the swap limit when only memory is given at the start. Without it, a memory limit
	// above the swap limit is refused.
	limits := map[string]int64{"NanoCpus": int64(cpus * 1e9), "Memory": memory, "MemorySwap": 2 * memory}
	return named("change the limits of", name, e.post(ctx, name, "update", limits))
}

func named(verb, object string, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, object, err)
	}
	return nil
}

// Pull fetches an image, and tells the bytes that are there and that are to come, as far as they are known.
func (e *Engine) Pull(ctx context.Context, login registry.Login, ref string, progress func(done, total int64)) error {
	auth, err := authHeader(login, ref)
	if err != nil {
		return err
	}
	repository, digest, _ := strings.Cut(byDigest(ref), "@")
	resp, err := e.api.send(ctx, http.MethodPost, "/images/create", url.Values{"fromImage": {repository}, "tag": {digest}},
		http.Header{"X-Registry-Auth": {auth}}, nil)
	if err != nil {
		return named("pull", ref, err)
	}
	defer resp.Body.Close()
	layers := map[string][2]int64{}
	for messages := json.NewDecoder(resp.Body); ; {
		var m pullMessage
		if err := messages.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return named("pull", ref, err)
		}
		if m.Error != "" {
			return named("pull", ref, errors.New(m.Error))
		}
		if m.Progress.Total <= 0 || m.Status != "Downloading" {
			if l, ok := layers[m.ID]; ok && (m.Status == "Download complete" || m.Status == "Pull complete") {
				layers[m.ID] = [2]int64{l[1], l[1]}
			}
		} else {
			layers[m.ID] = [2]int64{m.Progress.Current, m.Progress.Total}
		}
		var done, total int64
		for _, l := range layers {
			done, total = done+l[0], total+l[1]
		}
		progress(done, total)
	}
}

// pullMessage is one of the messages that the engine sends while it pulls.
type pullMessage struct {
	ID       string `json:"id"` // the layer's
	Status   string `json:"status"`
	Error    string `json:"error"`
	Progress struct {
		Current int64 `json:"current"` // bytes
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
}

// authHeader is how the engine is told who pulls.
func authHeader(login registry.Login, ref string) (string, error) {
	config := authn.AuthConfig{Username: login.Username, Password: login.Password}
	if login.Username == "" {
		r, err := name.ParseReference(byDigest(ref))
		if err != nil {
			return "", fmt.Errorf("image %q: %w", ref, err)
		}
		a, err := authn.DefaultKeychain.Resolve(r.Context())
		if err != nil {
			return "", fmt.Errorf("sign in to %s: %w", r.Context().RegistryStr(), err)
		}
		c, err := a.Authorization()
		if err != nil {
			return "", fmt.Errorf("sign in to %s: %w", r.Context().RegistryStr(), err)
		}
		config = *c
	}
	return encodeAuth(config), nil
}

func encodeAuth(c authn.AuthConfig) string {
	text, _ := json.Marshal(map[string]string{"username": c.Username, "password": c.Password, "identitytoken": c.IdentityToken,
		"registrytoken": c.RegistryToken, "auth": c.Auth}) // strings always marshal
	return base64.URLEncoding.EncodeToString(text)
}

// Logs gives the last lines that a container wrote.
func (e *Engine) Logs(ctx context.Context, container string, lines int) ([]string, error) {
	resp, err := e.api.send(ctx, http.MethodGet, "/containers/"+container+"/logs",
		url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {strconv.Itoa(lines)}}, nil, nil)
	if err != nil {
		return nil, named("read the log of", container, err)
	}
	defer resp.Body.Close()
	text, err := frames(resp.Body)
	if err != nil {
		return nil, named("read the log of", container, err)
	}
	all := strings.Split(text, "\n")
	return slices.DeleteFunc(all, func(l string) bool { return strings.TrimSpace(l) == "" }), nil
}

// frames puts the text of a log together. It comes in frames: which of the two streams wrote, three bytes of nothing, the length, the text.
func frames(r io.Reader) (string, error) {
	var text strings.Builder
	var header [8]byte
	for {
		if _, err := io.ReadFull(r, header[:]); errors.Is(err, io.EOF) {
			return text.String(), nil
		} else if err != nil {
			return "", err
		}
		if _, err := io.CopyN(&text, r, int64(binary.BigEndian.Uint32(header[4:]))); err != nil {
			return "", err
		}
	}
}

// ID gives a container's ID.
func (e *Engine) ID(ctx context.Context, name string) (string, error) {
	c, err := e.api.inspect(ctx, name)
	return c.ID, err
}
