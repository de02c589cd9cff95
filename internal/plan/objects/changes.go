package objects

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/secret"
)

// comparison finds the fields in which two trees differ.
type comparison struct {
	object *Object
	live   map[string]any
	known  []fields.Manager // of the live object; nil until they are needed
	// partial: fields that the wanted tree does not have are only removed if we set them before.
	partial bool
	path    fields.Path
	out     []plan.Change
}

// changes are the fields of a live object that will change. Without a dry run, they are computed from the wanted object.
func changes(o *Object, seen *Seen) []plan.Change {
	c := comparison{object: o, live: seen.Live}
	want := seen.Applied
	if want == nil {
		c.partial, want = true, fields.Encoded(o.Body)
	}
	c.maps(seen.Live, want)
	slices.SortFunc(c.out, func(a, b plan.Change) int { return strings.Compare(a.Field, b.Field) })
	return c.out
}

// managers are read only where something differs: most objects don't.
func (c *comparison) managers() []fields.Manager {
	if c.known == nil {
		c.known = fields.Managers(c.live)
	}
	return c.known
}

func (c *comparison) maps(live, want map[string]any) {
	for name, w := range want {
		if c.skip(name) || c.isKey(name, live, want) {
			continue
		}
		c.path = append(c.path, fields.Segment{Name: name})
		c.values(live[name], w)
		c.path = c.path[:len(c.path)-1]
	}
	for name, l := range live {
		if _, ok := want[name]; ok || c.skip(name) || c.isKey(name, live, want) || nothing(l) {
			continue
		}
		c.path = append(c.path, fields.Segment{Name: name})
		if c.removed() {
			c.values(l, nil)
		}
		c.path = c.path[:len(c.path)-1]
	}
}

// skip reports whether the API server sets a name.
func (c *comparison) skip(name string) bool {
	switch len(c.path) {
	case 0:
		return name == "status" || name == "apiVersion" || name == "kind"
	case 1:
		return c.path[0].Name == "metadata" && fields.Kept(name)
	case 2:
		return name == fields.LastApplied
	}
	return false
}

// removed reports whether a live field that is not wanted will be removed. What the API server filled in stays.
func (c *comparison) removed() bool {
	n := len(c.path)
	if !c.partial || n > 1 && slices.Contains(wholes, c.path[n-2].Name) {
		return true
	}
	return fields.SetByUsAlone(c.managers(), c.path)
}

// wholes are trees that are one value, and in which the API server fills nothing in.
var wholes = []string{"matchLabels", "nodeSelector", "selector"}

func (c *comparison) values(live, want any) {
	if nothing(live) && nothing(want) {
		return
	}
	l, lMap := live.(map[string]any)
	w, wMap := want.(map[string]any)
	if lMap && wMap || lMap && want == nil && c.opens(l) || wMap && live == nil && c.opens(w) {
		c.maps(l, w)
		return
	}
	ll, lList := live.([]any)
	wl, wList := want.([]any)
	if (lList || live == nil) && (wList || want == nil) && (lList || wList) && c.lists(ll, wl) {
		return
	}
	if !lList && !lMap && c.same(live, want) {
		return
	}
	c.add(live, want)
}

// opens reports whether a tree that is added or removed as a whole is shown field by field. Items of lists other than variables are not.
func (c *comparison) opens(whole map[string]any) bool {
	n := len(c.path)
	return c.path[n-1].Name != "" || n > 1 && c.path[n-2].Name == "env" && len(whole) > 1
}

// isKey reports whether a name is a key of an item that is added or removed: its path has the key already.
func (c *comparison) isKey(name string, live, want map[string]any) bool {
	n := len(c.path)
	return (live == nil || want == nil) && n > 0 && slices.Contains(c.path[n-1].Keys, name)
}

// lists compares lists item by item where keys identify the items; it reports whether it did, or whether there was nothing to compare.
func (c *comparison) lists(live, want []any) bool {
	name := c.path[len(c.path)-1].Name
	keys := fields.Keys(name, live, want)
	if keys == nil {
		return c.byIndex(live, want)
	}
	matched, last := make([]bool, len(live)), -1
	for i, w := range want {
		item := w.(map[string]any)
		at := find(live, item, keys, i)
		if at >= 0 && at < last && !c.partial && c.inTemplate() {
			c.reordered()
		}
		last = max(last, at)
		c.path = append(c.path, fields.Segment{Item: item, Keys: keys})
		if at < 0 {
			c.values(nil, item)
		} else {
			matched[at] = true
			c.values(live[at], item)
		}
		c.path = c.path[:len(c.path)-1]
	}
	for i, l := range live {
		if matched[i] {
			continue
		}
		c.path = append(c.path, fields.Segment{Item: l.(map[string]any), Keys: keys})
		if c.removed() || keys[0] == fields.TemplateName {
			c.values(l, nil)
		}
		c.path = c.path[:len(c.path)-1]
	}
	return true
}

// inTemplate reports whether a path is in a pod template, in which also the order of a list counts: another order replaces pods.
func (c *comparison) inTemplate() bool {
	return len(c.path) > 2 && c.path[0].Name == "spec" && c.path[1].Name == "template"
}

// reordered adds that the items of a list will have another order, once.
func (c *comparison) reordered() {
	field := c.path.String()
	if !slices.ContainsFunc(c.out, func(x plan.Change) bool { return x.Field == field }) {
		c.out = append(c.out, plan.Change{Field: field, From: "the order that it has", To: "another order"})
	}
}

// find is the index of the item with the same keys, most often the same index; or -1.
func find(items []any, item map[string]any, keys []string, likely int) int {
	if likely < len(items) && fields.SameKeys(items[likely].(map[string]any), item, keys) {
		return likely
	}
	return slices.IndexFunc(items, func(i any) bool { return fields.SameKeys(i.(map[string]any), item, keys) })
}

// byIndex compares lists of the same length whose items are trees; other lists are equal or not.
func (c *comparison) byIndex(live, want []any) bool {
	if len(live) != len(want) {
		return false
	}
	if !slices.ContainsFunc(want, func(v any) bool { _, ok := v.(map[string]any); return !ok }) {
		for i := range want {
			c.path = append(c.path, fields.Segment{Index: i})
			c.values(live[i], want[i])
			c.path = c.path[:len(c.path)-1]
		}
		return true
	}
	return slices.EqualFunc(live, want, fields.SameScalar)
}

// nothing reports whether a value means nothing: the API server drops it, or keeps it unchanged.
func nothing(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(x) == 0
	case []any:
		return len(x) == 0
	}
	return false
}

// quantities are fields, and trees of fields, whose values are quantities.
var quantities = []string{"limits", "requests", "hard", "overhead", "capacity"}

func (c *comparison) same(live, want any) bool {
	if fields.SameScalar(live, want) {
		return true
	}
	if live == nil || want == nil {
		return false
	}
	n := len(c.path)
	name := c.path[n-1].Name
	if name == "sizeLimit" || name == "divisor" || n > 1 && slices.Contains(quantities, c.path[n-2].Name) {
		return fields.SameQuantity(live, want)
	}
	return false
}

func (c *comparison) add(live, want any) {
	change := plan.Change{Field: c.path.String(), Owner: strings.Join(fields.Owners(c.managers(), c.path), ", ")}
	if c.secret(live, want) {
		change.From, change.To = veil(live), veil(want)
	} else {
		change.From, change.To = show(live), show(want)
	}
	c.out = append(c.out, change)
}

// secret reports whether the values at the path must not be shown: the data of Secrets, and variables that hold a secret.
func (c *comparison) secret(values ...any) bool {
	return secretAt(c.object, c.variable(), c.path[0].Name, values...)
}

// variable is the name of the variable whose value is at the path, or "".
func (c *comparison) variable() string {
	n := len(c.path)
	if n > 2 && c.path[n-1].Name == "value" && c.path[n-3].Name == "env" {
		return fields.Plain(fields.KeyValue(c.path[n-2].Item, "name"))
	}
	return ""
}

func secretAt(o *Object, variable, top string, values ...any) bool {
	if strings.HasPrefix(o.Key, "Secret/") && (top == "data" || top == "stringData") {
		return true
	}
	if variable != "" && (slices.Contains(o.Secret, variable) || secret.Name(variable)) {
		return true
	}
	return slices.ContainsFunc(values, func(v any) bool {
		text, ok := v.(string)
		_, found := secret.Value(text)
		return ok && (secret.Mask(text) != text || variable != "" && found)
	})
}

func veil(v any) string {
	if v == nil {
		return ""
	}
	return plan.Hidden
}

// show is a value in a plan: short, and on one line. Texts of many lines are files, and might contain secrets.
func show(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case map[string]any:
		return fmt.Sprintf("(%s)", counted(len(x), "field"))
	case []any:
		if len(x) > 8 || slices.ContainsFunc(x, func(v any) bool { s, ok := v.(string); return !ok || len(s) > 60 || secret.Output(s) != s }) {
			return fmt.Sprintf("(%s)", counted(len(x), "item"))
		}
		words := make([]string, len(x))
		for i := range x {
			words[i] = x[i].(string)
		}
		return "[" + strings.Join(words, ", ") + "]"
	case string:
		lines := strings.Count(strings.TrimSuffix(x, "\n"), "\n") + 1
		switch {
		case x == "":
			return `""`
		case lines > 1:
			return fmt.Sprintf("(%s)", counted(lines, "line"))
		case len(x) > 200:
			return fmt.Sprintf("(%s)", counted(len(x), "byte"))
		}
		return secret.Mask(x)
	}
	return fields.Plain(v)
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
