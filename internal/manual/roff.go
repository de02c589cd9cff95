package manual

import (
	"fmt"
	"strings"
)

// Roff renders a page as a man page of section 7.
func Roff(name, version, page string, refer func(target string) string) string {
	var b strings.Builder
	head(&b, name, 7, version, Title(page))
	b.WriteString(".SH DESCRIPTION\n")
	for _, k := range parse(page, refer) {
		switch {
		case k.kind == heading && k.level == 1: // is the name
		case k.kind == heading:
			fmt.Fprintf(&b, ".%s %s\n", map[bool]string{true: "SH", false: "SS"}[k.level == 2], escaped(plain(k.text)))
		case k.kind == code:
			b.WriteString(".PP\n.in +4\n.nf\n")
			for _, line := range k.lines {
				b.WriteString(escaped(line) + "\n")
			}
			b.WriteString(".fi\n.in\n")
		case k.kind == table:
			for _, row := range k.rows[1:] {
				fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n", escaped(plain(row[0])))
				for i, cell := range row[1:] {
					if cell != "" && i+1 < len(k.rows[0]) {
						fmt.Fprintf(&b, "%s: %s\n.br\n", escaped(plain(k.rows[0][i+1])), escaped(cell))
					}
				}
			}
		case k.mark != "":
			fmt.Fprintf(&b, ".IP \"%s\" 4\n%s\n", escaped(strings.TrimSpace(k.mark)), escaped(k.text))
		default:
			fmt.Fprintf(&b, ".PP\n%s\n", escaped(k.text))
		}
	}
	return b.String()
}

// Entry is a command in the manual.
type Entry struct {
	Name, Short, Use, Long string
	Flags                  [][2]string // each with its help
	Commands               [][2]string // below it
	See                    []string    // other pages: "berth-plan(1)"
}

// Roff renders a command as a man page of section 1.
func (e *Entry) Roff(version string) string {
	var b strings.Builder
	head(&b, e.Name, 1, version, e.Short)
	fmt.Fprintf(&b, ".SH SYNOPSIS\n\\fB%s\\fR\n.SH DESCRIPTION\n", escaped(e.Use))
	for part := range strings.SplitSeq(strings.TrimSpace(e.Long), "\n\n") {
		if strings.HasPrefix(part, " ") { // columns, or commands to type
			fmt.Fprintf(&b, ".PP\n.nf\n%s\n.fi\n", escaped(part))
		} else {
			fmt.Fprintf(&b, ".PP\n%s\n", escaped(part))
		}
	}
	pairs := func(title string, all [][2]string) {
		if len(all) > 0 {
			fmt.Fprintf(&b, ".SH %s\n", title)
		}
		for _, p := range all {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", escaped(p[0]), escaped(p[1]))
		}
	}
	pairs("COMMANDS", e.Commands)
	pairs("OPTIONS", e.Flags)
	if len(e.See) > 0 {
		fmt.Fprintf(&b, ".SH SEE ALSO\n%s\n", escaped(strings.Join(e.See, ", ")))
	}
	return b.String()
}

// head begins a man page.
func head(b *strings.Builder, name string, section int, version, short string) {
	fmt.Fprintf(b, ".TH %q \"%d\" \"\" \"berth %s\" \"berth\"\n.ad l\n.SH NAME\n%s \\- %s\n", strings.ToUpper(name), section, escaped(version), escaped(name), escaped(short))
}

var escapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`, string(boldOn), `\fB`, string(boldOff), `\fR`, string(codeOn), `\fB`, string(codeOff), `\fR`)

// escaped is a text in which nothing means anything to roff.
func escaped(text string) string {
	lines := strings.Split(escapes.Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
