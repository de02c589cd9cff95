package compose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"berth/internal/diag"
	"github.com/moby/moby/client"
)

// Places are what an installation uses of a host besides what berth makes there.
type Places struct {
	Folders  []Folder
	Volumes  []Named // that exist
	Networks []Named // that exist
	Subnet   string  // of the installation's own network; "": Docker's choice
	SubnetAt diag.Range
}

// Folder is a path of the host that a container uses.
type Folder struct {
	Path    string
	Service string
	User    string // whom it has to belong to, as "100:101"; "" for one that only has to be there
	Holds   bool   // the config says that it holds the service's data
	At      diag.Range
}

// Named is something of the engine's that the config names.
type Named struct {
	Name string
	At   diag.Range
}

// Found is what there is of such places.
type Found struct {
	Look     func(path string) (Look, error) // nil: this host says nothing of the engine's
	Remapped bool                            // users of containers are other users of the host
	Volumes  map[string]bool                 // by name; nil: unknown
	Networks map[string][]string             // ranges of addresses by name, without the installation's own; nil: unknown
}

// Look is what a path is.
type Look struct {
	Folder   bool
	UID, GID uint32
	Mode     fs.FileMode
	Empty    bool // of a folder that can be read
}

// found asks the engine and this host.
func (e *Engine) found(ctx context.Context, installation string, security []string) (Found, error) {
	f := Found{Volumes: map[string]bool{}, Networks: map[string][]string{}}
	volumes, err := e.api.VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		return f, fmt.Errorf("list volumes: %w", err)
	}
	for _, v := range volumes.Items {
		f.Volumes[v.Name] = true
	}
	networks, err := e.api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return f, fmt.Errorf("list networks: %w", err)
	}
	for _, n := range networks.Items {
		if n.Name == Network(installation) {
			continue
		}
		f.Networks[n.Name] = []string{}
		for _, c := range n.IPAM.Config {
			f.Networks[n.Name] = append(f.Networks[n.Name], c.Subnet.String())
		}
	}
	for _, option := range security {
		f.Remapped = f.Remapped || strings.Contains(option, "name=userns") || strings.Contains(option, "name=rootless")
	}
	if e.Local() {
		f.Look = lookAt
	}
	return f, nil
}

// lookAt looks at a path of this host.
func lookAt(path string) (Look, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Look{}, err
	}
	l := Look{Folder: info.IsDir(), Mode: info.Mode()}
	l.UID, l.GID = owner(info)
	if l.Folder {
		entries, err := os.ReadDir(path)
		l.Empty = err == nil && len(entries) == 0
	}
	return l, nil
}

// places: folders, volumes and networks that the config names are there, and can be used.
func places(f Facts, n Needs) diag.List {
	var problems diag.List
	if f.Found.Look != nil {
		for _, folder := range n.Places.Folders {
			problems = append(problems, folder.check(f.Found)...)
		}
	}
	for _, v := range n.Places.Volumes {
		if f.Found.Volumes != nil && !f.Found.Volumes[v.Name] {
			problems = append(problems, missing(v, "volume"))
		}
	}
	for _, v := range n.Places.Networks {
		if _, there := f.Found.Networks[v.Name]; f.Found.Networks != nil && !there {
			problems = append(problems, missing(v, "network"))
		}
	}
	return append(problems, n.Places.overlaps(f.Found)...)
}

func missing(v Named, kind string) diag.Diagnostic {
	return diag.Diagnostic{Code: "BERTH1664", Severity: diag.Error, Subject: "host", Range: v.At,
		Summary: fmt.Sprintf("there is no %s %s on this engine", kind, v.Name), Hint: fmt.Sprintf("docker %[1]s ls  shows them; to create it:  docker %[1]s create %[2]s", kind, v.Name)}
}

// check finds what is wrong with a folder. What this user may not see is not judged.
func (v Folder) check(f Found) diag.List {
	p := diag.Diagnostic{Code: "BERTH1662", Severity: diag.Error, Subject: "host", Range: v.At}
	l, err := f.Look(v.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Summary, p.Hint = fmt.Sprintf("there is no %s on this host", v.Path), "create it, or mount its disk"
		if v.User != "" {
			p.Hint = fmt.Sprintf("mount its disk, or create it:  mkdir -p %[1]s && chown %[2]s %[1]s", v.Path, v.User)
		}
	case err != nil || v.User == "":
		return nil
	case !l.Folder:
		p.Summary, p.Hint = v.Path+" is not a folder", "name a folder"
	case v.Holds && l.Empty:
		p.Summary = fmt.Sprintf("%s is empty, but the config says that it holds the data of %s", v.Path, v.Service)
		p.Hint = "mount its disk, or copy the data; for a new installation remove holdsData"
	case !f.Remapped && !l.writable(v.User):
		p.Code = "BERTH1663"
		p.Summary = fmt.Sprintf("%s belongs to %d:%d with mode %04o; %s runs as %s and can't write there", v.Path, l.UID, l.GID, l.Mode.Perm(), v.Service, v.User)
		p.Hint = fmt.Sprintf("chown -R %s %s", v.User, v.Path)
	default:
		return nil
	}
	return diag.List{p}
}

// writable reports whether a user, "100:101", may write to what was looked at.
func (l Look) writable(user string) bool {
	uid, gid, _ := strings.Cut(user, ":")
	mode := l.Mode.Perm()
	switch {
	case uid == "0" || uid == "root":
		return true
	case uid == strconv.Itoa(int(l.UID)):
		return mode&0o300 == 0o300
	case gid == strconv.Itoa(int(l.GID)):
		return mode&0o030 == 0o030
	}
	return mode&0o003 == 0o003
}

// overlaps: Docker makes no network with addresses that another one has.
func (p Places) overlaps(f Found) diag.List {
	want, err := netip.ParsePrefix(p.Subnet)
	if err != nil {
		return nil // there is none, or check.Read reports it
	}
	var problems diag.List
	for name, ranges := range f.Networks {
		for _, text := range ranges {
			if has, err := netip.ParsePrefix(text); err == nil && has.Overlaps(want) {
				problems = append(problems, diag.Diagnostic{Code: "BERTH1665", Severity: diag.Error, Subject: "host", Range: p.SubnetAt,
					Summary: fmt.Sprintf("the Docker network %s has the addresses %s, so %s can't be used", name, text, p.Subnet),
					Hint:    "choose another range; to see which are in use:  docker network ls"})
			}
		}
	}
	problems.Sort()
	return problems
}
