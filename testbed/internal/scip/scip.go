// Package scip reads SCIP indexes, which code intelligence is uploaded as: what the stand-in worker keeps of one. The field numbers are those of
// scip.proto in https://github.com/sourcegraph/scip; its Go bindings are not to be had as a module.
package scip

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Index is an index of one commit of a repository.
type Index struct {
	Tool, ToolVersion string
	Arguments         []string
	Encoding          string // of the text documents: UTF8, UTF16 or empty
	Protocol          int
	Documents         []Document
}

// Document is a file that was indexed.
type Document struct {
	Path    string
	Raw     []byte // the whole message, as it came
	Symbols []Symbol
}

// Symbol is one that a document defines or refers to. Ranges are of one occurrence after the other: line, column, line, column, counted from 0.
type Symbol struct {
	Name                    string
	Definitions, References []int32
}

// definition is the bit of an occurrence's roles that says that the symbol is defined there.
const definition = 1

// Parse reads an index. A document without a path and an index that names no tool are errors: such an index can't be kept.
func Parse(content []byte) (Index, error) {
	var out Index
	err := each(content, func(number protowire.Number, _ uint64, value []byte) error {
		switch number {
		case 1:
			return out.metadata(value)
		case 2:
			d, err := document(value)
			out.Documents = append(out.Documents, d)
			return err
		}
		return nil
	})
	if err == nil && out.Tool == "" {
		err = errors.New("it names no tool that made it")
	}
	if err != nil {
		return Index{}, fmt.Errorf("no SCIP index: %w", err)
	}
	return out, nil
}

func (i *Index) metadata(message []byte) error {
	return each(message, func(number protowire.Number, n uint64, value []byte) error {
		switch number {
		case 1:
			i.Protocol = int(n)
		case 2:
			return each(value, func(number protowire.Number, _ uint64, value []byte) error {
				switch number {
				case 1:
					i.Tool = string(value)
				case 2:
					i.ToolVersion = string(value)
				case 3:
					i.Arguments = append(i.Arguments, string(value))
				}
				return nil
			})
		case 4:
			i.Encoding = map[uint64]string{1: "UTF8", 2: "UTF16"}[n]
		}
		return nil
	})
}

func document(message []byte) (Document, error) {
	d := Document{Raw: message}
	at := map[string]int{} // where a symbol is in d.Symbols
	err := each(message, func(number protowire.Number, _ uint64, value []byte) error {
		switch number {
		case 1:
			d.Path = string(value)
		case 2:
			name, roles, place, err := occurrence(value)
			if err != nil || name == "" {
				return err
			}
			n, known := at[name]
			if !known {
				n = len(d.Symbols)
				at[name] = n
				d.Symbols = append(d.Symbols, Symbol{Name: name})
			}
			if s := &d.Symbols[n]; roles&definition != 0 {
				s.Definitions = append(s.Definitions, place...)
			} else {
				s.References = append(s.References, place...)
			}
		}
		return nil
	})
	if err == nil && d.Path == "" {
		err = errors.New("a document has no path")
	}
	return d, err
}

// occurrence gives the symbol, the roles, and the place as four numbers: one on a single line has only three in an index.
func occurrence(message []byte) (name string, roles uint64, place []int32, err error) {
	err = each(message, func(number protowire.Number, n uint64, value []byte) error {
		switch number {
		case 1:
			for len(value) > 0 {
				v, size := protowire.ConsumeVarint(value)
				if size < 0 {
					return protowire.ParseError(size)
				}
				place, value = append(place, int32(v)), value[size:]
			}
		case 2:
			name = string(value)
		case 3:
			roles = n
		}
		return nil
	})
	switch {
	case err != nil:
	case len(place) == 3:
		place = slices.Insert(place, 2, place[0])
	case len(place) != 4:
		err = fmt.Errorf("an occurrence of %q has %d numbers for its place", name, len(place))
	}
	return name, roles, place, err
}

// each calls use for each field of a message: with n for a number, with value for a text, a message or packed numbers.
func each(message []byte, use func(number protowire.Number, n uint64, value []byte) error) error {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return protowire.ParseError(size)
		}
		message = message[size:]
		var n uint64
		var value []byte
		switch kind {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(message)
		default:
			size = protowire.ConsumeFieldValue(number, kind, message)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		if err := use(number, n, value); err != nil {
			return err
		}
		message = message[size:]
	}
	return nil
}
