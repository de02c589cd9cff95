package manual

import (
	_ "embed"
	"html/template"
	"strings"
)

//go:embed page.html
var pageForm string

// htmlBlock is a block as the form shows it: one of its fields is set.
type htmlBlock struct {
	Level int // of a heading
	ID    string
	Text  template.HTML // of a heading or a paragraph
	Items []template.HTML
	Code  string
	Rows  [][]template.HTML
}

// HTML renders a page as one file that works without any other: for a browser, a phone, the dark, and paper. refer says where a link leads.
func HTML(page string, refer func(target string) string) string {
	v := struct {
		Title    string
		Contents []htmlBlock
		Blocks   []htmlBlock
	}{Title: Title(page)}
	anchors := NewAnchors()
	for _, k := range parse(page, refer) {
		b := htmlBlock{}
		switch k.kind {
		case heading:
			b = htmlBlock{Level: k.level, ID: anchors.Of(plain(k.text)), Text: marked(k.text)}
			if k.level == 2 {
				v.Contents = append(v.Contents, b)
			}
		case paragraph:
			if last := len(v.Blocks) - 1; k.mark != "" && last >= 0 && v.Blocks[last].Items != nil {
				v.Blocks[last].Items = append(v.Blocks[last].Items, marked(k.text))
				continue
			}
			if b.Text = marked(k.text); k.mark != "" {
				b = htmlBlock{Items: []template.HTML{marked(k.text)}}
			}
		case code:
			b.Code = strings.Join(k.lines, "\n") + "\n"
		case table:
			for _, row := range k.rows {
				var cells []template.HTML
				for _, cell := range row {
					cells = append(cells, marked(cell))
				}
				b.Rows = append(b.Rows, cells)
			}
		}
		v.Blocks = append(v.Blocks, b)
	}
	var out strings.Builder
	if err := template.Must(template.New("page").Parse(pageForm)).Execute(&out, v); err != nil {
		panic(err) // the form is in the program
	}
	return out.String()
}

// marked is a text of a block in HTML.
func marked(text string) template.HTML {
	return template.HTML(strings.NewReplacer(string(boldOn), "<b>", string(boldOff), "</b>", string(codeOn), "<code>", string(codeOff), "</code>").Replace(template.HTMLEscapeString(text)))
}
