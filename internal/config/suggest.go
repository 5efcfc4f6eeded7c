package config

// What somebody who wrote an unknown key may have meant.

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// unknownKey is the text for a key that the table of type t does not have.
func unknownKey(key string, t reflect.Type) string {
	var here []string
	for i := range t.NumField() {
		if k := t.Field(i).Tag.Get("toml"); k != "" {
			here = append(here, k)
		}
	}
	if near := nearest(key, here); near != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", near)
	}
	for _, s := range sections() {
		if !slices.Contains(s.keys, key) {
			continue
		}
		if s.header == "" {
			return "unknown key here; it belongs at the top of the file, above the first [section]"
		}
		return fmt.Sprintf("unknown key here; it belongs below %s", s.header)
	}
	return fmt.Sprintf("unknown key; the keys here are %s", strings.Join(here, ", "))
}

// isKnownKey reports whether any table has the key.
func isKnownKey(key string) bool {
	return slices.ContainsFunc(sections(), func(s section) bool { return slices.Contains(s.keys, key) })
}

// nearest returns the candidate that word is a likely slip for, or "".
func nearest(word string, candidates []string) string {
	if len(word) > 40 {
		return ""
	}
	word = strings.ReplaceAll(strings.ToLower(word), "-", "_")
	best, least := "", 3
	for _, c := range candidates {
		d := distance(word, c)
		if strings.HasPrefix(c, word+"_") { // "lease" for "lease_seconds"
			d = 1
		}
		if d < least && d <= len(c)/3+1 && d < len(word) {
			best, least = c, d
		}
	}
	return best
}

// distance is the number of letters to add, drop, replace or swap with their
// neighbour that leads from a to b (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
