package adopt

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
)

// FindBase finds the release that images are of: the one that most of them are of by digest, then by tag; the newest of equal ones. images are
// references by what runs them. Release is "" where no image is of any release.
func FindBase(cat *catalogue.Catalogue, target catalogue.Target, images map[string]string) (Base, error) {
	votes := map[string]*Base{}
	vote := func(version string) *Base {
		if votes[version] == nil {
			votes[version] = &Base{Release: version}
		}
		return votes[version]
	}
	shipped, err := cat.Shipped(target, minors(cat, target, images))
	if err != nil {
		return Base{}, err
	}
	runs := map[string][]string{} // what runs it, by release
	for _, who := range slices.Sorted(maps.Keys(images)) {
		_, tag, digest := split(images[who])
		for version, refs := range shipped {
			switch {
			case digest != "" && refs[digest]:
				vote(version).ByDigest++
			case tag == version && (digest == "" || !of(shipped, digest)):
				vote(version).ByTag++
			default:
				continue
			}
			runs[version] = append(runs[version], who)
		}
	}
	best := Base{}
	for _, version := range slices.SortedFunc(maps.Keys(votes), func(a, b string) int { return catalogue.CompareVersions(b, a) }) {
		if v := votes[version]; v.ByDigest+v.ByTag > best.ByDigest+best.ByTag {
			best = *v
		}
	}
	best.Of = len(images)
	for who, image := range images {
		if !slices.Contains(runs[best.Release], who) {
			if best.Others == nil {
				best.Others = map[string]string{}
			}
			best.Others[who] = image
		}
	}
	return best, nil
}

// of reports whether a digest is of any release.
func of(shipped map[string]map[string]bool, digest string) bool {
	for _, refs := range shipped {
		if refs[digest] {
			return true
		}
	}
	return false
}

// minors are the minor releases that the images' tags name; all, newest first, where a tag is of none.
func minors(cat *catalogue.Catalogue, target catalogue.Target, images map[string]string) []string {
	known := map[string]bool{}
	for _, v := range cat.Versions(target) {
		known[v.Version] = true
	}
	named := map[string]bool{}
	for _, image := range images {
		if _, tag, _ := split(image); known[tag] {
			named[catalogue.Minor(tag)] = true
		}
	}
	if len(named) > 0 {
		return slices.Sorted(maps.Keys(named))
	}
	for version := range known {
		named[catalogue.Minor(version)] = true
	}
	return slices.Sorted(maps.Keys(named))
}

// Tags are the tags of images that look like releases of Sourcegraph, most frequent first: they tell a release that the catalogue does not have.
func Tags(images map[string]string) []string {
	count := map[string]int{}
	for _, image := range images {
		repository, tag, _ := split(image)
		if strings.Contains(repository, "sourcegraph/") && strings.Count(tag, ".") == 2 {
			count[tag]++
		}
	}
	return slices.SortedFunc(maps.Keys(count), func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
}

// split takes a reference apart.
func split(ref string) (repository, tag, digest string) {
	ref, digest, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		return ref[:i], ref[i+1:], digest
	}
	return ref, "", digest
}

// Unknown is what is wrong when most images are of no release of the catalogue; nil when they are of one. what is what to name in place of subject, and
// own are the files by which such an installation is upgraded.
func (b Base) Unknown(subject string, images map[string]string, what, own string) diag.List {
	if b.Release != "" && 2*(b.ByDigest+b.ByTag) >= b.Of {
		return nil // a few images, such as those of Redis, are the same in many releases
	}
	tags := Tags(images)
	if len(tags) == 0 {
		return diag.List{{Code: "BERTH4304", Severity: diag.Error, Subject: subject, Summary: fmt.Sprintf("none of its %d images is of a release of Sourcegraph, by digest or by tag", len(images)),
			Hint: "name the " + what + "; images of your own registry need the digests or the tags of Sourcegraph's"}}
	}
	p := diag.Diagnostic{Code: "BERTH4305", Severity: diag.Error, Subject: subject, Summary: "it runs Sourcegraph " + tags[0] + ", which berth's catalogue does not have",
		Hint: "berth catalogue list shows the releases that it has"}
	if catalogue.CompareVersions(tags[0], "5.0.0") < 0 {
		p.Hint = "upgrade it to 5.0.6 or later by its own " + own + " first; to see the upgrade steps from there: berth upgrade path --from " + tags[0] + " --to 5.0.6"
	}
	return diag.List{p}
}

// Half is what is wrong when images of two releases run: somebody is at an upgrade, or one stopped half way. own is by what the installation is upgraded.
func (b Base) Half(subject, own string) diag.List {
	others := Tags(b.Others)
	if len(others) == 0 {
		return nil
	}
	var who []string
	for _, name := range slices.Sorted(maps.Keys(b.Others)) {
		who = append(who, name+"  "+b.Others[name])
	}
	return diag.List{{Code: "BERTH4315", Severity: diag.Error, Subject: subject, Summary: fmt.Sprintf("images of %s run beside those of %s; nothing was changed", others[0], b.Release),
		Detail: who, Hint: "finish your upgrade by your own " + own + ", or go back, until all images are of one release"}}
}
