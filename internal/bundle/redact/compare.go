package redact

// gapSigns may stand between two parts of a value that a line break separates: a program wrapped it, folded it or commented it.
var gapSigns = signs(" \t\r\n\\\"'>#|*+")

// longestGap is how many signs a gap has at most.
const longestGap = 256

func signs(all string) (out [256]bool) {
	for i := range len(all) {
		out[all[i]] = true
	}
	return out
}

// compare reports whether a text has a value whose byte at is at a place of the text, and from where to where. joined says that spaces of the value may
// be gone from the text.
func compare(text []byte, place int, value string, at int, joined bool) (from, to int, ok bool) {
	if to, ok = forward(text, place, value, at, joined); !ok {
		return 0, 0, false
	}
	from, ok = backward(text, place, value, at, joined)
	return from, to, ok
}

// forward compares from a place to the value's end. The value may go on after a line break, with which a space may be gone.
func forward(text []byte, i int, value string, j int, joined bool) (end int, ok bool) {
	for j < len(value) {
		if i < len(text) && same(text[i], value[j]) {
			i, j = i+1, j+1
			continue
		}
		if joined && value[j] == ' ' {
			j++
			continue
		}
		first, last := gapAfter(text, i)
		for j < len(value)-1 && value[j] == ' ' {
			j++
		}
		for i = last; i >= first && first > 0; i-- {
			if i < len(text) && same(text[i], value[j]) {
				if end, ok := forward(text, i, value, j, joined); ok {
					return end, true
				}
			}
		}
		return 0, false
	}
	return i, true
}

// same reports whether a byte of a text stands for one of a value. In URLs, a space is a plus.
func same(text, value byte) bool {
	return text == value || value == ' ' && text == '+' || value == '+' && text == ' '
}

func lineEnd(c byte) bool { return c == '\n' || c == '\r' }

// gapAfter is where a value may go on after a gap that begins at a place: from after its first line break to its end. 0: there is no gap.
func gapAfter(text []byte, i int) (first, last int) {
	end := i
	for end < len(text) && end-i < longestGap && gapSigns[text[end]] {
		if lineEnd(text[end]) && first == 0 {
			first = end + 1
		}
		end++
	}
	return first, end
}

// backward compares what is before a place with what is before the value's byte j.
func backward(text []byte, i int, value string, j int, joined bool) (begin int, ok bool) {
	for j > 0 {
		if i > 0 && same(text[i-1], value[j-1]) {
			i, j = i-1, j-1
			continue
		}
		if joined && value[j-1] == ' ' {
			j--
			continue
		}
		first, last := gapBefore(text, i)
		for j > 1 && value[j-1] == ' ' {
			j--
		}
		for k := first; k <= last; k++ {
			if k > 0 && same(text[k-1], value[j-1]) {
				if begin, ok := backward(text, k, value, j, joined); ok {
					return begin, true
				}
			}
		}
		return 0, false
	}
	return i, true
}

// gapBefore is where a value may end before a gap that ends at a place: from the gap's begin to its last line break. last below first: there is no gap.
func gapBefore(text []byte, i int) (first, last int) {
	begin := i
	last = -1
	for begin > 0 && i-begin < longestGap && gapSigns[text[begin-1]] {
		begin--
		if lineEnd(text[begin]) && last < 0 {
			last = begin
		}
	}
	return begin, last
}
