package catalogue

import (
	"encoding/binary"
	"errors"
	"math"
)

// encoded is an object of the fast form. It is decoded on each request, so that every caller has its own tree.
type encoded string

func (e encoded) tree() map[string]any {
	tree, _ := readTree(string(e)) // TestFastFormSaysTheSame reads all of them
	return tree
}

// readTree reads what fastEncoding writes of maps, lists, texts, numbers, bools and nulls. It uses no reflection and so takes a third of
// the time. Bytes are an encoded tree. All texts share one allocation: they are kept or freed together.
func readTree(text string) (map[string]any, error) {
	r := treeReader{text: text}
	m, isMap := r.value().(map[string]any)
	if r.broken || r.at != len(r.text) || !isMap {
		return nil, errors.New("this is no tree")
	}
	return m, nil
}

type treeReader struct {
	text   string
	at     int
	broken bool
}

// take returns the next bytes.
func (r *treeReader) take(n uint64) string {
	if n > uint64(len(r.text)-r.at) {
		r.broken = true
		return ""
	}
	part := r.text[r.at : r.at+int(n)]
	r.at += int(n)
	return part
}

// head reads an item's kind, its detail, and the number that the detail stands for or announces.
func (r *treeReader) head() (kind, detail byte, number uint64) {
	first := r.take(1)
	if r.broken {
		return 0, 0, 0
	}
	kind, detail = first[0]>>5, first[0]&31
	if detail < 24 {
		return kind, detail, uint64(detail)
	}
	if detail > 27 {
		r.broken = true
		return 0, 0, 0
	}
	var whole [8]byte
	size := 1 << (detail - 24)
	copy(whole[8-size:], r.take(uint64(size)))
	return kind, detail, binary.BigEndian.Uint64(whole[:])
}

// key reads a text that is a map key, without allocating.
func (r *treeReader) key() string {
	kind, _, n := r.head()
	r.broken = r.broken || kind != 3
	return r.take(n)
}

func (r *treeReader) value() any {
	kind, detail, n := r.head()
	if r.broken || kind >= 2 && kind <= 5 && n > uint64(len(r.text)) || kind < 2 && n > math.MaxInt {
		r.broken = true
		return nil
	}
	switch kind {
	case 0:
		return int(n)
	case 1:
		return -1 - int(n)
	case 2:
		return encoded(r.take(n))
	case 3:
		return r.take(n)
	case 4:
		list := make([]any, n)
		for i := range list {
			list[i] = r.value()
		}
		return list
	case 5:
		m := make(map[string]any, n)
		for range n {
			key := r.key()
			m[key] = r.value()
		}
		return m
	case 7:
		switch detail {
		case 20, 21:
			return detail == 21
		case 22:
			return nil
		case 26:
			return float64(math.Float32frombits(uint32(n)))
		case 27:
			return math.Float64frombits(n)
		}
	}
	r.broken = true
	return nil
}
