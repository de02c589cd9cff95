package objects

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/tree"
)

// hash covers what a difference reads: live objects without what the API server and controllers record in them, yielded fields, who owns
// fields, claims and classes. It leaves readiness out, because that changes by itself.
func (c *Cluster) hash(d *Desired, conflicts []plan.Conflict) string {
	sum := sha256.New()
	w := &digest{out: bufio.NewWriterSize(sum, 1<<16)}
	w.text(strconv.FormatBool(c.Namespace))
	for i := range d.Objects {
		key := d.Objects[i].Key
		live := c.Seen[key].Live
		w.text(key)
		for _, f := range conflicts {
			if f.Object != key {
				continue
			}
			w.text(f.Field)
			w.text(f.Manager)
			if f.Decision == plan.Yield {
				live = fields.Without(live, f.Field)
			}
		}
		w.object(live)
		if rival := c.Seen[key].Rival; rival != nil {
			w.text(tree.Text(rival, "kind") + " " + tree.Text(rival, "metadata", "uid"))
		}
	}
	for _, u := range sortedBy(c.Unwanted, func(u Unwanted) string { return u.Key }) {
		w.text(u.Key)
		w.text(tree.Text(u.Live, "metadata", "uid"))
	}
	for _, claim := range sortedBy(c.Claims, func(c Claim) string { return c.Name }) {
		w.text(claim.Name + " " + claim.Size + " " + claim.Class)
	}
	for _, class := range sortedBy(c.Classes, func(c Class) string { return c.Name }) {
		w.text(class.Name + " " + strconv.FormatBool(class.Expandable) + " " + strconv.FormatBool(class.Default))
	}
	w.out.Flush()
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

func sortedBy[T any](list []T, key func(T) string) []T {
	return slices.SortedFunc(slices.Values(list), func(a, b T) int { return strings.Compare(key(a), key(b)) })
}

// digest writes trees so that only equal ones have the same bytes. JSON would take ten times as long.
type digest struct {
	out   *bufio.Writer
	names []string // of all trees above, so that sorting them allocates nothing
	buf   [32]byte
}

func (w *digest) text(s string) {
	w.out.Write(strconv.AppendInt(w.buf[:0], int64(len(s)), 10))
	w.out.WriteByte('"')
	w.out.WriteString(s)
}

// object writes a live object without what is irrelevant.
func (w *digest) object(live map[string]any) {
	meta := tree.Branch(live, "metadata")
	for _, name := range []string{"uid", "deletionTimestamp"} {
		w.text(tree.Text(meta, name))
	}
	w.tree(meta["labels"])
	w.maps(tree.Branch(meta, "annotations"), func(name string) bool { return strings.Contains(name, "kubernetes.io/") })
	claim := live["kind"] == "PersistentVolumeClaim"
	w.maps(live, func(name string) bool { return name == "metadata" || name == "status" || claim && name == "spec" })
	if spec, _ := live["spec"].(map[string]any); claim {
		w.maps(spec, func(name string) bool { return name == "volumeName" }) // set when it is bound
	}
}

func (w *digest) maps(tree map[string]any, skip func(string) bool) {
	start := len(w.names)
	for name := range tree {
		if skip == nil || !skip(name) {
			w.names = append(w.names, name)
		}
	}
	names := w.names[start:]
	slices.Sort(names)
	w.out.WriteByte('{')
	for _, name := range names {
		w.text(name)
		w.tree(tree[name])
	}
	w.out.WriteByte('}')
	w.names = w.names[:start]
}

func (w *digest) tree(v any) {
	switch x := v.(type) {
	case nil:
		w.out.WriteByte('0')
	case string:
		w.text(x)
	case bool:
		w.out.WriteString(strconv.FormatBool(x))
	case map[string]any:
		w.maps(x, nil)
	case []any:
		w.out.WriteByte('[')
		for _, item := range x {
			w.tree(item)
		}
		w.out.WriteByte(']')
	default:
		f, _ := fields.Float(v)
		w.out.Write(strconv.AppendFloat(w.buf[:0], f, 'g', -1, 64))
	}
}
