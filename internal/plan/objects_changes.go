package plan

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Hidden stands for a value that is a secret.
const Hidden = "(secret)"

// SizeField is the field that a Grow step changes.
const SizeField = "spec.resources.requests.storage"

// kept are parts of an object's metadata that the API server keeps.
var kept = []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"}

// lastApplied is the annotation in which kubectl keeps the whole object, with the secrets in it.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// comparison finds the fields in which two trees differ.
type comparison struct {
	object *Object
	live   map[string]any
	known  []manager // of the live object; nil until somebody asks
	// partial: what is wanted says nothing about fields that it does not have, but that we set before are to go.
	partial bool
	path    []segment
	out     []Change
}

// changes are the fields of a live object that become other ones. Without a dry run, they are worked out from what is wanted.
func changes(o *Object, seen *Seen) []Change {
	c := comparison{object: o, live: seen.Live}
	want := seen.Applied
	if want == nil {
		c.partial, want = true, encoded(o.Body)
	}
	c.maps(seen.Live, want)
	slices.SortFunc(c.out, func(a, b Change) int { return strings.Compare(a.Field, b.Field) })
	return c.out
}

// managers are read only where something differs: most objects are as they should be.
func (c *comparison) managers() []manager {
	if c.known == nil {
		c.known = managersOf(c.live)
	}
	return c.known
}

func (c *comparison) maps(live, want map[string]any) {
	for name, w := range want {
		if c.skip(name) || c.isKey(name, live, want) {
			continue
		}
		c.path = append(c.path, segment{name: name})
		c.values(live[name], w)
		c.path = c.path[:len(c.path)-1]
	}
	for name, l := range live {
		if _, ok := want[name]; ok || c.skip(name) || c.isKey(name, live, want) || nothing(l) {
			continue
		}
		c.path = append(c.path, segment{name: name})
		if c.goes() {
			c.values(l, nil)
		}
		c.path = c.path[:len(c.path)-1]
	}
}

// skip reports whether a name is one that the API server keeps.
func (c *comparison) skip(name string) bool {
	switch len(c.path) {
	case 0:
		return name == "status" || name == "apiVersion" || name == "kind"
	case 1:
		return c.path[0].name == "metadata" && slices.Contains(kept, name)
	case 2:
		return name == lastApplied
	}
	return false
}

// goes reports whether a field goes that is there and not wanted. What the API server filled in stays.
func (c *comparison) goes() bool {
	n := len(c.path)
	if !c.partial || n > 1 && slices.Contains(wholes, c.path[n-2].name) {
		return true
	}
	return setByUsAlone(c.managers(), c.path)
}

// wholes are trees that are one value and into which the API server fills nothing.
var wholes = []string{"matchLabels", "nodeSelector", "selector"}

// encoded gives a Secret's texts as the API server has them.
func encoded(body map[string]any) map[string]any {
	texts, ok := body["stringData"].(map[string]any)
	if !ok || body["kind"] != "Secret" {
		return body
	}
	old, _ := body["data"].(map[string]any)
	data := maps.Clone(old)
	if data == nil {
		data = map[string]any{}
	}
	for name, text := range texts {
		data[name] = base64.StdEncoding.EncodeToString([]byte(plain(text)))
	}
	return copyWith(copyWith(body, "stringData", nil), "data", data)
}

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

// opens reports whether a tree that appears or goes as a whole is shown field by field. Items of lists are not, other than variables.
func (c *comparison) opens(whole map[string]any) bool {
	n := len(c.path)
	return c.path[n-1].name != "" || n > 1 && c.path[n-2].name == "env" && len(whole) > 1
}

// isKey reports whether a name is what an item that appears or goes is known by: its place says it already.
func (c *comparison) isKey(name string, live, want map[string]any) bool {
	n := len(c.path)
	return (live == nil || want == nil) && n > 0 && slices.Contains(c.path[n-1].keys, name)
}

// lists compares item by item where items can be told apart; it reports whether it did, or there was nothing to tell.
func (c *comparison) lists(live, want []any) bool {
	name := c.path[len(c.path)-1].name
	keys := keysOf(name, live, want)
	if keys == nil {
		return c.byIndex(live, want)
	}
	matched := make([]bool, len(live))
	for i, w := range want {
		item := w.(map[string]any)
		at := find(live, item, keys, i)
		c.path = append(c.path, segment{item: item, keys: keys})
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
		c.path = append(c.path, segment{item: l.(map[string]any), keys: keys})
		if c.goes() || keys[0] == templateName {
			c.values(l, nil)
		}
		c.path = c.path[:len(c.path)-1]
	}
	return true
}

// find is the index of the item with the same keys, most often the same one; or -1.
func find(items []any, item map[string]any, keys []string, likely int) int {
	if likely < len(items) && sameKeys(items[likely].(map[string]any), item, keys) {
		return likely
	}
	return slices.IndexFunc(items, func(i any) bool { return sameKeys(i.(map[string]any), item, keys) })
}

// byIndex compares lists of the same length whose items are trees; other lists are the same or not.
func (c *comparison) byIndex(live, want []any) bool {
	if len(live) != len(want) {
		return false
	}
	if !slices.ContainsFunc(want, func(v any) bool { _, ok := v.(map[string]any); return !ok }) {
		for i := range want {
			c.path = append(c.path, segment{index: i})
			c.values(live[i], want[i])
			c.path = c.path[:len(c.path)-1]
		}
		return true
	}
	return slices.EqualFunc(live, want, sameScalar)
}

// nothing reports whether a value says nothing: the API server drops it, or keeps it as it came.
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
	if sameScalar(live, want) {
		return true
	}
	if live == nil || want == nil {
		return false
	}
	n := len(c.path)
	name := c.path[n-1].name
	if name == "sizeLimit" || name == "divisor" || n > 1 && slices.Contains(quantities, c.path[n-2].name) {
		return sameQuantity(live, want)
	}
	return false
}

func (c *comparison) add(live, want any) {
	var b strings.Builder
	for _, s := range c.path {
		s.write(&b)
	}
	change := Change{Field: b.String(), Owner: strings.Join(ownersOf(c.managers(), c.path), ", ")}
	if c.secret(live, want) {
		change.From, change.To = veil(live), veil(want)
	} else {
		change.From, change.To = show(live), show(want)
	}
	c.out = append(c.out, change)
}

// secret reports whether the values at the path are not for people's eyes: the data of Secrets, and variables that hold a secret.
func (c *comparison) secret(values ...any) bool {
	return secretAt(c.object, c.variable(), c.path[0].name, values...)
}

// variable is the name of the variable whose value the path leads to, or "".
func (c *comparison) variable() string {
	n := len(c.path)
	if n > 2 && c.path[n-1].name == "value" && c.path[n-3].name == "env" {
		return plain(keyValue(c.path[n-2].item, "name"))
	}
	return ""
}

// telling are names of variables that hold secrets, whoever set them, and passwords in addresses.
var telling = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)passw|secret|token|credential|private|apikey|api_key|access_key|licen[cs]e|datasource|dsn|://[^/@\s]*:[^/@\s]*@`)
})

func secretAt(o *Object, variable, top string, values ...any) bool {
	if strings.HasPrefix(o.Key, "Secret/") && (top == "data" || top == "stringData") {
		return true
	}
	if variable != "" && (slices.Contains(o.Secret, variable) || telling().MatchString(variable)) {
		return true
	}
	return slices.ContainsFunc(values, func(v any) bool {
		text, ok := v.(string)
		return ok && strings.Contains(text, "://") && telling().MatchString(text)
	})
}

func veil(v any) string {
	if v == nil {
		return ""
	}
	return Hidden
}

// show is a value as a plan has it: short, and on one line. Texts of many lines are files, and might have secrets in them.
func show(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case map[string]any:
		return fmt.Sprintf("(%s)", counted(len(x), "field"))
	case []any:
		if len(x) > 8 || slices.ContainsFunc(x, func(v any) bool { s, ok := v.(string); return !ok || len(s) > 60 || telling().MatchString(s) }) {
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
		return x
	}
	return plain(v)
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
