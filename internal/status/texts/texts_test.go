package texts_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/status/texts"
)

// TestNoTextIsMissing looks at every text of the language.
func TestNoTextIsMissing(t *testing.T) {
	count := 0
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				look(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(path, v.Index(i))
			}
		case reflect.String:
			count++
			text := v.String()
			if text == "" || text != strings.TrimSpace(text) {
				t.Errorf("%s is %q", path, text)
			}
			if strings.Count(text, "{") != strings.Count(text, "}") || strings.ContainsAny(text, "<>") {
				t.Errorf("%s has loose braces or markup: %q", path, text)
			}
		default:
			t.Errorf("%s is no text", path)
		}
	}
	look("Texts", reflect.ValueOf(*texts.English()))
	if count < 100 {
		t.Errorf("only %d texts were looked at", count)
	}
}

func TestFill(t *testing.T) {
	for _, c := range []struct {
		text  string
		pairs []string
		want  string
	}{
		{"{a} and {b}", []string{"a", "{b}", "b", "2"}, "{b} and 2"},
		{"no words", nil, "no words"},
		{"{unknown} {", []string{"a", "1"}, "{unknown} {"},
		{"{a}{a}", []string{"a", ""}, ""},
	} {
		if got := texts.Fill(c.text, c.pairs...); got != c.want {
			t.Errorf("Fill(%q, %q) = %q, want %q", c.text, c.pairs, got, c.want)
		}
	}
}
