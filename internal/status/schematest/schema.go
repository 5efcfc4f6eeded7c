// Package schematest holds the status JSON against docs/status.schema.json, for
// tests: by a validator of the few keywords that the schema uses. A schema with
// any other keyword is refused.
package schematest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Schema is one schema of the document, with its keywords.
type Schema struct {
	Schema      string             `json:"$schema"`
	ID          string             `json:"$id"`
	Title       string             `json:"title"`
	Description string             `json:"description"`
	Type        oneOrMore          `json:"type"`
	Required    []string           `json:"required"`
	Properties  map[string]*Schema `json:"properties"`
	Additional  *bool              `json:"additionalProperties"`
	Items       *Schema            `json:"items"`
	Enum        []any              `json:"enum"`
	Format      string             `json:"format"`
	Minimum     *float64           `json:"minimum"`
	Maximum     *float64           `json:"maximum"`
}

type oneOrMore []string

// UnmarshalJSON implements json.Unmarshaler: a name, or a list of names.
func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

// Load reads the schema in the file at path.
func Load(path string) (*Schema, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var s Schema
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("the schema uses a keyword that is not known here: %w", err)
	}
	return &s, nil
}

// Check returns what in a JSON text does not conform to s, a line each; nil where
// all of it does.
func (s *Schema) Check(text []byte) (wrong []string) {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return []string{"it is not JSON: " + err.Error()}
	}
	return s.CheckValue("$", value)
}

// CheckValue is Check for what encoding/json made of a text, or of a part of one
// that path leads to.
func (s *Schema) CheckValue(path string, value any) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, path+": "+fmt.Sprintf(format, args...)) }
	if !slices.ContainsFunc(s.Type, func(name string) bool { return isOfType(name, value) }) {
		say("%v is not of type %v", value, s.Type)
		return wrong
	}
	if s.Enum != nil && !slices.Contains(s.Enum, value) {
		say("%v is none of %v", value, s.Enum)
	}
	switch value := value.(type) {
	case string:
		if s.Format == "date-time" && !isTime(value) {
			say("%q is not a time in UTC and whole seconds", value)
		}
	case float64:
		if s.Minimum != nil && value < *s.Minimum || s.Maximum != nil && value > *s.Maximum {
			say("%v is out of bounds", value)
		}
	case []any:
		for i, item := range value {
			wrong = append(wrong, s.Items.CheckValue(fmt.Sprintf("%s[%d]", path, i), item)...)
		}
	case map[string]any:
		wrong = append(wrong, s.checkObject(path, value)...)
	}
	return wrong
}

// checkObject checks that value has the fields of s and no others.
func (s *Schema) checkObject(path string, value map[string]any) (wrong []string) {
	for _, name := range s.Required {
		if _, present := value[name]; !present {
			wrong = append(wrong, fmt.Sprintf("%s: %s is missing", path, name))
		}
	}
	for name, field := range value {
		if s.Properties[name] == nil {
			wrong = append(wrong, fmt.Sprintf("%s: %s is not in the schema", path, name))
			continue
		}
		wrong = append(wrong, s.Properties[name].CheckValue(path+"."+name, field)...)
	}
	return wrong
}

func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil && strings.HasSuffix(text, "Z") && !strings.Contains(text, ".")
}

func isOfType(name string, value any) bool {
	switch value := value.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && value == float64(int64(value))
	case []any:
		return name == "array"
	default:
		return name == "object"
	}
}
