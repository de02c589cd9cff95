package compose

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/adopt"
	"berth/internal/adopt/candidate"
	"berth/internal/diag"
	"berth/internal/registry"
	"berth/internal/stack"
)

// Adopt finds the config for a project of theirs. url is what people use; "" where it is not known.
func Adopt(s *Source, cat *catalogue.Catalogue, base adopt.Base, url, dir string, now func() time.Time) (adopt.Result, diag.List) {
	release, err := cat.Release(base.Release, catalogue.Compose)
	if err != nil {
		return adopt.Result{}, candidate.Failed(err)
	}
	d := &adopt.Draft{}
	d.Set("compose", "target")
	d.Set(base.Release, "release")
	s.address(d, url)
	usual := ""
	if s.Name != stack.DefaultName {
		d.Set(s.Name, "name")
		usual = s.Name + "-"
	}
	if prefix, named := s.prefix(); named && prefix != usual {
		d.Set(prefix, "containerPrefix")
	}
	s.registry(d, release)
	readFiles(s.Objects, Contents(s.Root))
	s.fit(s.Objects)
	r := &Renderer{Catalogue: cat, Dir: dir, Root: s.Root, Now: now}
	out, problems := adopt.Invert(adopt.Input{Theirs: s.Objects, Draft: d, Render: s.rendering(r.Render), Rules: Rules(release, s.Root)})
	if problems.Failed() {
		return adopt.Result{}, problems
	}
	report := adopt.Report{Source: s.Dir, Target: catalogue.Compose, Base: base, Items: out.Items}
	s.say(&report)
	return adopt.Result{Text: d.Text(header), Files: d.Files(), Generated: d.Generated(), Report: report}, nil
}

const header = "What you want of Sourcegraph; everything else has Sourcegraph's default. Made by berth adopt. See: berth explain, berth plan"

// prefix is what most containers have before the name of their service, as far as the project names them itself.
func (s *Source) prefix() (best string, named bool) {
	count := map[string]int{}
	for object, keys := range s.Objects {
		name, isService := strings.CutPrefix(object, service)
		container, _ := keys["container_name"].(string)
		if prefix, ok := strings.CutSuffix(container, name); isService && ok && container != "" {
			if count[prefix]++; count[prefix] > count[best] || count[prefix] == count[best] && prefix < best {
				best = prefix
			}
		}
	}
	return best, len(count) > 0
}

// address says where people reach Sourcegraph: as asked, else as the front proxy's own settings say it. What they don't say is left to the admin.
func (s *Source) address(d *adopt.Draft, asked string) {
	front := s.Objects[service+address.FrontProxy]
	env := mapOf(front["environment"])
	url, bind := "http://localhost", "0.0.0.0"
	for port := range mapOf(front["ports"]) {
		if m := portForm.FindStringSubmatch(port); m != nil && m[3] == "80/tcp" {
			bind = m[1]
			if m[2] != "80" {
				url += ":" + m[2]
			}
		}
	}
	site, _, _ := strings.Cut(fmt.Sprint(cmp.Or[any](env["SRC_SITE_ADDRESS"], "")), ",")
	if site = strings.TrimPrefix(strings.TrimSpace(site), "https://"); asked == "" && site != "" && !strings.HasPrefix(site, ":") {
		asked = "https://" + site
	}
	if asked != "" {
		d.Set(asked, "url")
		if bind != "0.0.0.0" {
			d.Set(bind, "ports", "bind")
		}
		switch email := env["SRC_ACME_EMAIL"]; {
		case !strings.HasPrefix(asked, "https:"):
		case email != nil:
			d.Set(email, "tls", "letsEncrypt", "email")
			if strings.Contains(fmt.Sprint(mapsIn(front["volumes"])["/etc/caddy/Caddyfile"]["source"]), "staging") {
				d.Set(true, "tls", "letsEncrypt", "staging")
			}
		default:
			d.Set(true, "tls", "external")
		}
		return
	}
	d.Set(url, "url")
	d.Set(bind, "ports", "bind")
	s.Guessed = true
}

// registry says which registry all images of the release come from, where it is one of the admin's own, and records the digests that they have there.
// An image without a digest is meant to be the release's.
func (s *Source) registry(d *adopt.Draft, release *catalogue.Release) {
	folders := map[string]bool{}
	digests := map[string]string{}
	k := known{release: release}
	for object, keys := range s.Objects {
		name, _, found := k.place(object)
		if !found {
			continue
		}
		theirs := fmt.Sprint(keys["image"])
		image := release.Services[name].Compose.Image
		ours := reference(release.Images[image])
		tagged, digest, _ := strings.Cut(theirs, "@")
		shipped, shippedDigest, _ := strings.Cut(ours, "@")
		i, j := strings.LastIndexByte(tagged, '/'), strings.LastIndexByte(shipped, '/')
		if tagged[i+1:] != shipped[j+1:] {
			continue // not of the release
		}
		if digest == "" {
			keys["image"] = theirs + "@" + shippedDigest
			s.Tagged = append(s.Tagged, strings.TrimPrefix(object, service))
		} else if digest != shippedDigest {
			digests[image] = digest
		}
		folders[tagged[:max(i, 0)]] = true
	}
	delete(folders, "sourcegraph")
	delete(folders, "")
	if len(folders) != 1 {
		return
	}
	for folder := range folders {
		d.Set(folder, "images", "registry")
		if len(digests) > 0 {
			d.Keep(registry.LockName, registry.Lock{Registry: folder, Releases: map[string]map[string]string{release.Version: digests}}.Bytes())
		}
	}
}
