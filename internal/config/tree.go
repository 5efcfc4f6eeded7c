package config

// From TOML text to a tree in which every value knows its line.
//
// go-toml's own decoder stops at the first mistake, so this reads the document
// expression by expression with its parser and goes on after a mistake.

import (
	"bytes"
	"errors"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

const (
	// maxDepth bounds tables in tables and lists in lists; the config itself
	// needs three.
	maxDepth = 8
	// maxSyntax bounds how often reading goes on after a mistake in the syntax.
	maxSyntax = 50
)

// node is a value: a scalar with its text, a table or a list.
type node struct {
	kind unstable.Kind
	line int
	// text is a scalar's decoded text.
	text string
	// table is set where kind is InlineTable (for [tables] too).
	table *table
	// list is set where kind is Array; headers tells that it comes from
	// [[headers]], which alone may add to it.
	list    []*node
	headers bool
}

// table is a table's keys in the order of the file.
type table struct {
	line int
	// defined tells that its own header has been seen.
	defined bool
	keys    map[string]*node
	order   []string
}

func newTable(line int) *table { return &table{line: line, keys: map[string]*node{}} }

func (t *table) put(key string, n *node) {
	t.keys[key] = n
	t.order = append(t.order, key)
}

// reader reads one document.
type reader struct {
	file string
	data []byte
	// lines holds the offset at which each line starts.
	lines []int
	// base is where the parser's data starts within data.
	base   int
	parser unstable.Parser
	report *report
	// current is the table that keys go to, and its path.
	current *table
	path    string
}

// readTree reads data and reports what is not TOML. What could be read is
// returned in any case.
func readTree(file string, data []byte, r *report) *table {
	data = slices.Clip(bytes.Clone(data)) // offsets below count on len == cap
	rd := &reader{file: file, data: data, report: r, lines: []int{0}}
	for i, c := range data {
		if c == '\n' {
			rd.lines = append(rd.lines, i+1)
		}
	}
	root := newTable(1)
	rd.current = root
	rd.parser.Reset(data)
	done, mistakes := 0, 0
	for {
		for rd.parser.NextExpression() {
			done = rd.expression(root, rd.parser.Expression())
		}
		if rd.parser.Error() == nil {
			return root
		}
		r.broken = true
		next := rd.syntax(rd.parser.Error(), done)
		if mistakes++; next >= len(data) || mistakes >= maxSyntax {
			return root
		}
		rd.base, done = next, next
		rd.parser.Reset(data[next:])
	}
}

// expression takes one expression in and returns the offset of its end.
func (rd *reader) expression(root *table, e *unstable.Node) (end int) {
	var parts []string
	start := -1
	for it := e.Key(); it.Next(); {
		key := it.Node()
		if start < 0 {
			start = rd.base + int(key.Raw.Offset)
		}
		end = rd.base + int(key.Raw.Offset+key.Raw.Length)
		parts = append(parts, string(key.Data))
	}
	line := rd.line(start)
	switch e.Kind {
	case unstable.KeyValue:
		rd.assign(rd.current, rd.path, parts, e.Value(), line, 0)
		end = rd.base + int(e.Raw.Offset+e.Raw.Length)
	default:
		rd.header(root, parts, line, e.Kind == unstable.ArrayTable)
	}
	return end
}

// header opens the table of a [header] or a [[header]].
func (rd *reader) header(root *table, parts []string, line int, list bool) {
	rd.current, rd.path = newTable(line), "" // keys under a bad header are dropped
	path := joinKey("", parts[len(parts)-1])
	if len(parts) > maxDepth {
		rd.fail(line, path, "tables nest more than %d deep; no key of edgeguard does", maxDepth)
		return
	}
	in, path := rd.descend(root, "", parts[:len(parts)-1], line)
	if in == nil {
		return
	}
	last := parts[len(parts)-1]
	path = joinKey(path, last)
	old := in.keys[last]
	switch {
	case list && old == nil:
		old = &node{kind: unstable.Array, line: line, headers: true}
		in.put(last, old)
		fallthrough
	case list && old.headers:
		path = indexKey(path, len(old.list))
		t := newTable(line)
		t.defined = true
		old.list = append(old.list, &node{kind: unstable.InlineTable, line: line, table: t})
		rd.current, rd.path = t, path
	case old == nil:
		t := newTable(line)
		t.defined = true
		in.put(last, &node{kind: unstable.InlineTable, line: line, table: t})
		rd.current, rd.path = t, path
	case !list && old.table != nil && !old.table.defined:
		old.table.defined, old.table.line, old.line = true, line, line
		rd.current, rd.path = old.table, path
	default:
		rd.fail(line, path, "line %d has this table already; put its keys together in one place", old.line)
		if !list && old.table != nil {
			rd.current, rd.path = old.table, path
		}
	}
}

// assign puts the value v at the dotted key parts of t.
func (rd *reader) assign(t *table, path string, parts []string, v *unstable.Node, line, depth int) {
	if len(parts)+depth > maxDepth {
		rd.fail(line, joinKey(path, parts[0]), "tables nest more than %d deep; no key of edgeguard does", maxDepth)
		return
	}
	t, path = rd.descend(t, path, parts[:len(parts)-1], line)
	if t == nil {
		return
	}
	last := parts[len(parts)-1]
	path = joinKey(path, last)
	if old := t.keys[last]; old != nil {
		rd.fail(line, path, "line %d sets this key already; keep one of the two", old.line)
		return
	}
	if n := rd.value(v, path, line, depth+len(parts)); n != nil {
		t.put(last, n)
	}
}

// descend walks from t along parts, making the tables that are not there. It
// returns nil where something else than a table is in the way.
func (rd *reader) descend(t *table, path string, parts []string, line int) (*table, string) {
	for _, part := range parts {
		path = joinKey(path, part)
		n := t.keys[part]
		if n == nil {
			n = &node{kind: unstable.InlineTable, line: line, table: newTable(line)}
			t.put(part, n)
		}
		if n.headers {
			path = indexKey(path, len(n.list)-1)
			n = n.list[len(n.list)-1]
		}
		if n.table == nil {
			rd.fail(line, path, "line %d sets this key to a plain value, so that it can hold no keys of its own", n.line)
			return nil, path
		}
		t = n.table
	}
	return t, path
}

// value copies a value out of the parser, which reuses its memory. It returns
// nil where the value is nested too deeply.
func (rd *reader) value(v *unstable.Node, path string, line, depth int) *node {
	if depth > maxDepth {
		rd.fail(line, path, "values nest more than %d deep; no key of edgeguard does", maxDepth)
		return nil
	}
	if v.Raw.Length > 0 { // lists have no place of their own
		line = rd.line(rd.base + int(v.Raw.Offset))
	}
	n := &node{kind: v.Kind, line: line}
	switch v.Kind {
	case unstable.Array:
		for it := v.Children(); it.Next(); {
			if one := rd.value(it.Node(), indexKey(path, len(n.list)), line, depth+1); one != nil {
				n.list = append(n.list, one)
			}
		}
	case unstable.InlineTable:
		n.table = newTable(line)
		n.table.defined = true
		for it := v.Children(); it.Next(); {
			kv := it.Node()
			at := line
			var parts []string
			for key := kv.Key(); key.Next(); {
				at = rd.line(rd.base + int(key.Node().Raw.Offset))
				parts = append(parts, string(key.Node().Data))
			}
			rd.assign(n.table, path, parts, kv.Value(), at, depth)
		}
	default:
		n.text = string(v.Data)
	}
	return n
}

// line returns the number of the line that holds the offset.
func (rd *reader) line(offset int) int {
	return sort.SearchInts(rd.lines, offset+1)
}

func (rd *reader) fail(line int, key, format string, args ...any) {
	rd.report.fail(origin{rd.file, line, key}, format, args...)
}

// offset returns where in data the parser found its mistake.
func (rd *reader) offset(err error) int {
	var pe *unstable.ParserError
	if !errors.As(err, &pe) {
		return rd.base
	}
	return max(0, min(len(rd.data)-cap(pe.Highlight), len(rd.data)-1))
}

// joinKey appends a key to a path; one that is not bare is quoted, and one that
// looks like a secret is not shown.
func joinKey(path, key string) string {
	switch {
	case looksSecret(key):
		key = "(not shown)"
	case !isBare(key):
		if len(key) > 40 {
			key = strings.ToValidUTF8(key[:40], "") + "…"
		}
		key = strconv.Quote(key)
	case len(key) > 40:
		key = key[:40] + "…"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func indexKey(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// isBare reports whether key may be written without quotes.
func isBare(key string) bool {
	for _, c := range []byte(key) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return key != ""
}
