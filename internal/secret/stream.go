package secret

import "strings"

// Pattern is a form that only secrets have, for readers of long texts that search for its words by themselves.
type Pattern struct {
	What  string   // "a token of GitHub"
	Words []string // every text that matches has one of them, in small or capital letters
	Find  func(text string) [][2]int
}

// Patterns are all forms that only secrets have.
func Patterns() []Pattern {
	out := make([]Pattern, len(patterns))
	for i, p := range patterns {
		out[i] = Pattern{What: p.what, Words: p.quick, Find: p.found}
	}
	return out
}

// Extent is how much of a text after `name:` or `name=` is a value to hide, where the name suggests a secret; 0: there is nothing to hide.
func Extent(rest string) int {
	n := oneWord(rest)
	if v := strings.Trim(rest[:n], `"'\, `); v == "" || refers(rest) || placeholder(v) || plainAnswers(v) || strings.Trim(v, "|>+-[{") == "" {
		return 0
	}
	return n
}

// RandomLength is the least length of a word inside a text that counts as a random key.
const RandomLength = leastRandom

// Random reports whether a word inside a text is a generated one: small and capital letters and digits, evenly mixed.
func Random(word string) bool { return random(word, leastRandom) }

// Inside are the secrets in a text that people or programs write: tokens, keys, passwords in URLs, and values of names that suggest a secret.
func Inside(text string) (found []string) {
	collect := into(&found)
	rest := mask(text, collect)
	for line := range strings.Lines(rest) {
		named(strings.TrimRight(line, "\r\n"), collect, inside, Name)
	}
	return found
}
