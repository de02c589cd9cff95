package cli

import (
	"context"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/size"
	"berth/internal/size/measure"
	"berth/internal/view"
)

// Measured is what an installation uses, and the edit that follows from it.
type Measured struct {
	size.Measured
	Edit []string `json:"edit,omitempty"` // lines below services in sourcegraph.yaml
}

// measured shows what an installation uses, and remembers it for berth status.
func (e *Env) measured(ctx context.Context, file string) error {
	i, err := e.Open(ctx, file)
	if err != nil {
		return err
	}
	defer i.Close()
	seen, err := measure.Of(ctx, i, e.Now())
	if err != nil {
		return err
	}
	c := e.Catalogue()
	m := Measured{Measured: size.Tables{Sizing: c.Sizing(), Scaling: c.Scaling()}.Judge(seen, func(service string) int64 {
		bytes, err := config.Bytes(config.Shipped(i.Release, service, "memory"))
		if err != nil {
			return 0 // without a limit
		}
		return bytes
	})}
	for _, w := range m.Wrong {
		m.Edit = append(m.Edit, w.Service+": "+config.NeedText(catalogue.Need{Memory: w.Memory}))
	}
	if err := i.Store.SetNote(ctx, size.Note, size.Noted{Line: m.Line(), On: seen.Taken}); err != nil {
		return err
	}
	return e.give(m, func() { view.Measured(e.Stdout, m.Measured, m.Edit) })
}
