package runbook

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"berth/catalogue"
)

// chapter is a page of the documentation, and for whom it matters.
type chapter struct {
	file  string
	Title string
	when  func(Input) bool
}

func everybody(Input) bool { return true }

// chapters are the pages that may matter, in their order.
var chapters = []chapter{
	{file: "day-two.md", when: everybody},
	{file: "troubleshooting.md", when: everybody},
	{file: "upgrade.md", when: everybody},
	{file: "agent.md", when: func(in Input) bool { return in.Config.Upgrades != nil }},
	{file: "backup.md", when: everybody},
	{file: "ingress.md", when: func(in Input) bool { return !in.Stack.Address.Local() }},
	{file: "kubernetes.md", when: func(in Input) bool { return in.Stack.Target == catalogue.Kubernetes }},
	{file: "stores.md", when: func(in Input) bool {
		for _, d := range in.Config.Databases {
			if d.External != nil {
				return true
			}
		}
		return len(in.Config.Redis) > 0 || in.Config.ObjectStorage != nil
	}},
	{file: "own-containers.md", when: func(in Input) bool { return len(in.Config.Containers) > 0 }},
	{file: "patches.md", when: func(in Input) bool { return len(in.Config.Patches) > 0 }},
	{file: "report.md", when: func(in Input) bool { return in.Config.Report != nil }},
}

func title(page string) string {
	line, _, _ := strings.Cut(page, "\n")
	return strings.TrimPrefix(line, "# ")
}

var (
	linked  = regexp.MustCompile(`\[([^\]]+)\]\(([^)\s]+)\)`)
	comment = regexp.MustCompile(`(?s)<!--.*?-->\n*`)
)

// adapted is a page as a chapter: its headings are one level lower, its links lead to other chapters or to berth's help, and its commands have the
// names of this installation.
func (v *view) adapted(page string) string {
	own := v.names()
	var b strings.Builder
	fenced := false
	for line := range strings.Lines(comment.ReplaceAllString(page, "")) {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced:
		case strings.HasPrefix(line, "    "):
			line = own.Replace(line)
		case strings.HasPrefix(line, "#"):
			line = "#" + line
		default:
			line = linked.ReplaceAllStringFunc(own.Replace(line), v.link)
		}
		b.WriteString(line)
	}
	return b.String()
}

// names puts the names of this installation in place of those of the examples.
func (v *view) names() *strings.Replacer {
	return strings.NewReplacer(
		"https://sourcegraph.example.com", v.URL,
		"sourcegraph.example.com", v.Stack.Address.Host,
		"kubectl -n sourcegraph ", v.Kubectl+" ",
		"--delete-data sourcegraph", "--delete-data "+v.Name,
		"--delete-data\nsourcegraph", "--delete-data\n"+v.Name,
		"berth-agent-sourcegraph", "berth-agent-"+v.Name,
		"docker compose -p NAME", "docker compose -p "+v.Name)
}

// link is a link of a page within the runbook.
func (v *view) link(text string) string {
	m := linked.FindStringSubmatch(text)
	if strings.Contains(m[2], "://") {
		return text
	}
	file, _, _ := strings.Cut(m[2], "#")
	i := slices.IndexFunc(v.Chapters, func(c chapter) bool { return c.file == file })
	switch {
	case file == "": // on the same page
		return m[1]
	case i >= 0:
		return m[1] + " (below: " + v.Chapters[i].Title + ")"
	case file == "doctor.md" || file == "codes.md":
		return m[1] + " (`" + cmp.Or(explained(m[2]), "berth explain CODE") + "`)"
	case strings.HasSuffix(file, ".md") && !strings.Contains(file, "/"):
		return m[1] + " (`berth docs " + strings.TrimSuffix(file, ".md") + "`)"
	}
	return m[1]
}

// explained is the command that explains the code that a link leads to.
func explained(target string) string {
	_, anchor, _ := strings.Cut(target, "#")
	code, _, _ := strings.Cut(strings.ToUpper(anchor), "-")
	if !strings.HasPrefix(code, "BERTH") {
		return ""
	}
	return "berth explain " + code
}
