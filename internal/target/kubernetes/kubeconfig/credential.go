package kubeconfig

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// credential is what proves who we are, request by request.
type credential interface {
	prove(ctx context.Context) (proof, error)
	// renew forgets a proof that the API server did not believe, and reports whether another one can be had.
	renew(disbelieved proof) bool
}

// proof is what goes with a request.
type proof struct {
	header string // the value of Authorization; "" when the connection's certificate is the proof
	serial int    // tells a proof from one that came after it
}

// fixed is a credential that never changes: the header's value.
type fixed string

func (f fixed) prove(context.Context) (proof, error) { return proof{header: string(f)}, nil }

func (f fixed) renew(proof) bool { return false }

// tokenFile is a token that something else rewrites from time to time, as Kubernetes does in pods.
type tokenFile struct {
	path string
	now  func() time.Time

	mu   sync.Mutex
	last proof
	read time.Time
}

// tokenAge is how old a token from a file may be.
const tokenAge = time.Minute

func (t *tokenFile) prove(context.Context) (proof, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last.header != "" && t.now().Sub(t.read) < tokenAge {
		return t.last, nil
	}
	text, err := os.ReadFile(t.path)
	token := strings.TrimSpace(string(text))
	if err == nil && token == "" {
		err = fmt.Errorf("%s is empty", t.path)
	}
	if err == nil {
		t.last, t.read = proof{"Bearer " + token, t.last.serial + 1}, t.now()
		return t.last, nil
	}
	if t.last.header != "" {
		return t.last, nil // the file is being replaced; the old token may still do
	}
	return proof{}, problem("BERTH3406", "token", "the token file can't be read", "fix tokenFile of the user", err.Error())
}

func (t *tokenFile) renew(disbelieved proof) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last.serial == disbelieved.serial {
		t.read = time.Time{}
	}
	return true
}
