// Program site makes a static site of the pages in docs/, and slides of those that lines "---" divide: HTML that works from a folder without a server,
// without scripts or fonts from elsewhere, and usable without JavaScript. It is a module of its own, so that berth has no Markdown library in it.
package main

import (
	"embed"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
)

//go:embed page.html style.css search.js slides.html slides.css slides.js
var assets embed.FS

func main() {
	log.SetFlags(0)
	source := flag.String("source", "..", "the folder of berth's source")
	out := flag.String("out", "../bin/docs", "the folder to write to")
	flag.Parse()
	s, err := read(*source)
	if err != nil {
		log.Fatal(err)
	}
	files, err := s.files()
	if err != nil {
		log.Fatal(err)
	}
	if err := write(*out, files); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("wrote %d pages; open %s\n", len(s.pages), filepath.Join(*out, "index.html"))
}

// write replaces a folder by files, whose names have slashes.
func write(out string, files map[string][]byte) error {
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
