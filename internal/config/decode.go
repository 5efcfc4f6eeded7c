package config

// From the tree to the raw structs, by their tags: unknown keys and wrong types
// are found here.

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxList bounds the length of a list.
const maxList = 256

type decoder struct {
	file   string
	report *report
}

var originType = reflect.TypeFor[origin]()

// table fills the struct into from t.
func (d *decoder) table(t *table, into reflect.Value, path string) {
	if head := into.FieldByName("Head"); head.IsValid() && head.Type() == originType {
		head.Set(reflect.ValueOf(origin{d.file, t.line, path}))
	}
	fields := fieldsOf(into.Type())
	for _, key := range t.order {
		n := t.keys[key]
		at := origin{d.file, n.line, joinKey(path, key)}
		if i, ok := fields[key]; ok {
			d.value(n, into.Field(i), at)
		} else if d.report.full() {
			d.report.more++ // a suggestion for each of 100,000 would take long
		} else {
			d.report.fail(at, "%s", unknownKey(key, into.Type()))
		}
	}
}

// value fills the field into from n.
func (d *decoder) value(n *node, into reflect.Value, at origin) {
	switch v := into.Addr().Interface().(type) {
	case *text:
		d.text(n, v, at)
	case *secretText:
		d.text(n, &v.text, at)
	case *boolean:
		v.at, v.given = at, true
		if v.ok = d.is(n, unstable.Bool, at); v.ok {
			v.v = n.text == "true"
		}
	case *integer:
		d.integer(n, v, at)
	case *texts:
		d.texts(n, v, at)
	case *oneOrMore:
		if n.kind == unstable.Array {
			d.texts(n, &v.texts, at)
			break
		}
		var one text
		d.text(n, &one, at)
		v.at, v.given, v.ok = at, true, one.ok
		if one.ok {
			v.v = []text{one}
		}
	default:
		d.nested(n, into, at)
	}
}

func (d *decoder) text(n *node, v *text, at origin) {
	v.at, v.given = at, true
	if v.ok = d.is(n, unstable.String, at); v.ok {
		v.v = n.text
	}
}

func (d *decoder) integer(n *node, v *integer, at origin) {
	v.at, v.given = at, true
	if v.ok = d.is(n, unstable.Integer, at); !v.ok {
		return
	}
	// TOML's 1_000, 0x, 0o and 0b are Go's; its leading zeros, octal in Go, the
	// parser refuses.
	i, err := strconv.ParseInt(n.text, 0, 64)
	if v.ok = err == nil; !v.ok {
		d.report.fail(at, "this number is too large")
	}
	v.v = i
}

func (d *decoder) texts(n *node, v *texts, at origin) {
	v.at, v.given = at, true
	if n.kind == unstable.String {
		d.report.fail(at, `this must be a list; write the value in brackets, such as ["…"]`)
		return
	}
	if v.ok = d.is(n, unstable.Array, at) && d.short(n, at); !v.ok {
		return
	}
	for i, one := range n.list {
		var t text
		d.text(one, &t, origin{d.file, one.line, indexKey(at.key, i)})
		v.ok = v.ok && t.ok
		if t.ok {
			v.v = append(v.v, t)
		}
	}
}

// nested fills a table or a list of tables.
func (d *decoder) nested(n *node, into reflect.Value, at origin) {
	name := at.key
	if into.Kind() == reflect.Struct {
		switch {
		case n.headers:
			d.report.fail(at, "there is only one %s; write [%s] in single brackets", name, name)
		case n.table == nil:
			d.report.fail(at, "this must be a table, not %s; write [%s] on a line of its own and its keys below", kindWords(n.kind), name)
		default:
			d.table(n.table, into, at.key)
		}
		return
	}
	if n.kind != unstable.Array {
		d.report.broken = true // what it holds counts as neither there nor missing
		d.report.fail(at, "there may be several; write [[%s]] in double brackets on a line of its own and its keys below", name)
		return
	}
	if !d.short(n, at) {
		d.report.broken = true
		return
	}
	for i, one := range n.list {
		elem := reflect.New(into.Type().Elem()).Elem()
		path := indexKey(at.key, i)
		if one.table == nil {
			d.report.broken = true
			d.report.fail(origin{d.file, one.line, path}, "this must be a table, not %s; write [[%s]] on a line of its own and its keys below", kindWords(one.kind), name)
			continue
		}
		d.table(one.table, elem, path)
		into.Set(reflect.Append(into, elem))
	}
}

// short reports a list that is too long, as later steps compare its values
// with one another.
func (d *decoder) short(n *node, at origin) bool {
	if len(n.list) > maxList {
		d.report.fail(at, "%d are more than the %d that there may be", len(n.list), maxList)
		return false
	}
	return true
}

// is reports a value of another kind than want. The value itself is never
// quoted: it may be a secret.
func (d *decoder) is(n *node, want unstable.Kind, at origin) bool {
	if n.kind == want {
		return true
	}
	hint := ""
	switch {
	case want == unstable.String && (n.kind == unstable.Integer || n.kind == unstable.Bool || n.kind == unstable.Float):
		hint = "; put it in quotes"
	case n.kind == unstable.String:
		hint = "; take the quotes off"
	}
	d.report.fail(at, "this must be %s, not %s%s", kindWords(want), kindWords(n.kind), hint)
	return false
}

// fieldsOf maps the keys of a raw struct to its fields.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("toml"); key != "" {
			fields[key] = i
		}
	}
	return fields
}

// section is one table of the schema: its header as it is written ("" for the
// top of the file) and its keys in order.
type section struct {
	header string
	keys   []string
}

// sections lists the schema, tables in the order of rawFile.
func sections() []section {
	var list []section
	var walk func(t reflect.Type, header string)
	walk = func(t reflect.Type, header string) {
		at := len(list)
		list = append(list, section{header: header})
		for i := range t.NumField() {
			f := t.Field(i)
			key := f.Tag.Get("toml")
			if key == "" {
				continue
			}
			switch {
			case f.Type.Kind() == reflect.Slice:
				walk(f.Type.Elem(), "[["+below(header, key)+"]]")
			case strings.HasPrefix(f.Type.Name(), "raw"):
				walk(f.Type, "["+below(header, key)+"]")
			default:
				list[at].keys = append(list[at].keys, key)
			}
		}
	}
	walk(reflect.TypeFor[rawFile](), "")
	return list
}

// below is the dotted key of a table in the table with the given header.
func below(header, key string) string {
	if header = strings.Trim(header, "[]"); header != "" {
		return header + "." + key
	}
	return key
}
