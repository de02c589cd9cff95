package maintain

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"berth/catalogue"
)

// tag is a release in one repository.
type tag struct {
	version string
	ref     string
	tag     catalogue.Tag
}

// oldest is the first minor release of the catalogue. Sourcegraph supports fewer, but upgrades from older ones pass through it.
const oldest = "5.0"

// releaseTag matches the tags of releases. Helm's were sourcegraph-5.0.0 until 5.3.3. Release candidates don't match.
func releaseTag() *regexp.Regexp { return regexp.MustCompile(`^(?:v|sourcegraph-)(\d+\.\d+\.\d+)$`) }

// tags lists the releases of a repository, oldest first.
func tags(ctx context.Context, repository string) ([]tag, error) {
	const format = "%(refname:short) %(objectname) %(committerdate:short) %(*objectname) %(*committerdate:short)"
	out, err := run(ctx, "git", "-C", repository, "for-each-ref", "refs/tags", "--format="+format)
	if err != nil {
		return nil, fmt.Errorf("list tags of %s: %w", repository, err)
	}
	pattern := releaseTag()
	found := map[string]tag{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		match := pattern.FindStringSubmatch(fields[0])
		if match == nil || len(fields) < 3 || catalogue.CompareVersions(match[1], oldest) < 0 {
			continue
		}
		t := tag{version: match[1], ref: fields[0], tag: catalogue.Tag{Commit: fields[1], Date: fields[2]}}
		if len(fields) >= 4 { // an annotated tag: "object commit date"
			t.tag = catalogue.Tag{Commit: fields[len(fields)-2], Date: fields[len(fields)-1]}
		}
		if before, ok := found[t.version]; ok && strings.HasPrefix(before.ref, "v") {
			continue
		}
		found[t.version] = t
	}
	list := make([]tag, 0, len(found))
	for _, t := range found {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b tag) int { return catalogue.CompareVersions(a.version, b.version) })
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no release tags from %s on", repository, oldest)
	}
	return list, nil
}

// archive reads the files of a tag, by path.
func archive(ctx context.Context, repository, ref string, paths ...string) (map[string][]byte, error) {
	out, err := run(ctx, "git", append([]string{"-C", repository, "archive", "--format=tar", "refs/tags/" + ref}, paths...)...)
	if err != nil {
		return nil, fmt.Errorf("read tag %s of %s: %w", ref, repository, err)
	}
	content := map[string][]byte{}
	reader := tar.NewReader(bytes.NewReader(out))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return content, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read tag %s of %s: %w", ref, repository, err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if content[header.Name], err = io.ReadAll(reader); err != nil {
			return nil, fmt.Errorf("read tag %s of %s: %w", ref, repository, err)
		}
	}
}

// run returns a program's output, or an error with its messages.
func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		if text := strings.TrimSpace(problems.String()); text != "" {
			return nil, fmt.Errorf("%s: %w: %s", name, err, text)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out.Bytes(), nil
}
