package diag

import (
	"slices"
	"strings"
)

// Closest is the candidate that the writer of name most likely meant, or "".
func Closest(name string, candidates []string) string {
	best, bestDistance := "", 99
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(letters(name), letters(c)); d < bestDistance && d <= min(max(1, (len(name)+len(c))/6), 3) {
			best, bestDistance = c, d
		}
	}
	return best
}

// letters removes the differences that don't make another word: case, dashes, underscores.
func letters(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
}

// distance is the number of letters to add, drop, replace, or swap with their neighbour, to turn a into b.
func distance(a, b string) int {
	if abs := len(a) - len(b); max(abs, -abs) > 8 {
		return 9
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row := rows[(i-1)%3], rows[i%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}

// Listed joins words in a sentence, with another word before the last: "a, b or c".
func Listed(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}
