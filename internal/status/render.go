package status

// The rendering as JSON; that for a terminal is in text.go, the page in page.go.
// Each is a pure function of a snapshot.

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// JSON renders s as docs/status.schema.json describes it, indented and with a
// final newline.
func JSON(s *Snapshot) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it is served as JSON and sniffing is forbidden
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("rendering the status as JSON: %w", err)
	}
	return b.Bytes(), nil
}
