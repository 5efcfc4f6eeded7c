package status_test

// The JSON against docs/status.schema.json.

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/edgeguard/edgeguard/internal/cert"
	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/hairpin"
	"github.com/edgeguard/edgeguard/internal/portmap"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/edgeguard/edgeguard/internal/status/schematest"
	"github.com/edgeguard/edgeguard/internal/status/texts"
)

func loadSchema(t *testing.T) *schematest.Schema {
	t.Helper()
	s, err := schematest.Load("../../docs/status.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decoded(t *testing.T, in status.Inputs) any {
	t.Helper()
	body, err := status.JSON(status.NewBuilder(noSecrets).Build(in, noon))
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSnapshotsConformToTheSchema(t *testing.T) {
	s := loadSchema(t)
	empty := full("")
	empty.DDNS.Records, empty.Portmap.Forwards, empty.Hairpin.Services, empty.DNS.Clients = nil, nil, nil, nil
	hollow := full("")
	hollow.DDNS.Records[0] = ddns.RecordStatus{}
	hollow.Hairpin.Services[0] = hairpin.ServiceStatus{Certificate: &hairpin.Certificate{}}
	hollow.DNS.Cache.LimitBytes = -1
	hollow.Certificate = cert.Status{Mode: cert.ACME, Held: &cert.Held{}, Serving: []cert.Serving{{}}}
	for name, in := range map[string]status.Inputs{"full": full("x"), "nothing known": {}, "empty lists": empty, "hollow entries": hollow} {
		for _, wrong := range s.CheckValue("$", decoded(t, in)) {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

// TestSchemaKnowsEveryState holds the schema's words against the concerns'.
func TestSchemaKnowsEveryState(t *testing.T) {
	s := loadSchema(t)
	for _, phase := range []ddns.Phase{ddns.PhaseObserved, ddns.PhasePending, ddns.PhaseWritten, ddns.PhaseVerified, ddns.PhaseUnconfirmed, ddns.PhaseStopped} {
		in := full("x")
		in.DDNS.Records[0].Phase = phase
		for _, wrong := range s.CheckValue("$", decoded(t, in)) {
			t.Error(wrong)
		}
	}
	for _, state := range []portmap.State{portmap.StatePending, portmap.StateActive, portmap.StateConflict, portmap.StateFailed, portmap.StateUnconfirmed, portmap.StateManual, "waiting", "open", "none"} {
		in := full("x")
		in.Portmap.Forwards[0].State = state
		for _, wrong := range s.CheckValue("$", decoded(t, in)) {
			t.Error(wrong)
		}
	}
	for _, loopback := range []hairpin.Loopback{hairpin.LoopbackUnknown, hairpin.LoopbackYes, hairpin.LoopbackNo} {
		in := full("x")
		in.Hairpin.Loopback = loopback
		for _, wrong := range s.CheckValue("$", decoded(t, in)) {
			t.Error(wrong)
		}
	}
	for _, phase := range []cert.Phase{cert.PhaseOff, cert.PhaseClock, cert.PhaseNoAuthority, cert.PhaseIssuing, cert.PhaseWaiting, cert.PhaseHanding, cert.PhaseKept} {
		for _, mode := range []cert.Mode{cert.None, cert.ACME, cert.OwnCA, ""} {
			in := full("x")
			in.Certificate.Phase, in.Certificate.Mode = phase, mode
			for _, wrong := range s.CheckValue("$", decoded(t, in)) {
				t.Error(wrong)
			}
		}
		if text := texts.English().Kept.PhaseText(string(phase)); text == string(phase) {
			t.Errorf("the page has no words for the phase %s", phase)
		}
	}
	if ids := s.Properties["chain"].Items.Properties["id"].Enum; fmt.Sprint(ids) != fmt.Sprint(status.LinkIDs()) {
		t.Errorf("the schema's links are %v", ids)
	}
}

func TestTheValidatorFinds(t *testing.T) {
	s := loadSchema(t)
	for name, spoil := range map[string]func(map[string]any){
		"a missing field":   func(v map[string]any) { delete(v, "wan") },
		"a field too many":  func(v map[string]any) { v["token"] = "x" },
		"another type":      func(v map[string]any) { v["version"] = 1.0 },
		"another word":      func(v map[string]any) { v["status"] = "green" },
		"a null":            func(v map[string]any) { v["chain"] = nil },
		"a wrong time":      func(v map[string]any) { v["generated_at"] = "noon" },
		"a wrong list item": func(v map[string]any) { v["ddns"].([]any)[0] = "x" },
		"a wrong port":      func(v map[string]any) { v["forwards"].([]any)[0].(map[string]any)["external_port"] = 65536.0 },
	} {
		value := decoded(t, full("x")).(map[string]any)
		spoil(value)
		if len(s.CheckValue("$", value)) == 0 {
			t.Errorf("%s passes", name)
		}
	}
}

// TestSchemaAndTypesAgree walks both: the same fields, all required, none
// beside them, and null exactly where the Go type can be nil.
func TestSchemaAndTypesAgree(t *testing.T) {
	agree(t, "$", loadSchema(t), reflect.TypeFor[status.Snapshot]())
}

func agree(t *testing.T, path string, s *schematest.Schema, typ reflect.Type) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		if !slices.Contains(s.Type, "null") {
			t.Errorf("%s can be null, and not in the schema", path)
		}
		typ = typ.Elem()
	} else if typ.Kind() != reflect.Slice && slices.Contains(s.Type, "null") {
		t.Errorf("%s is null in the schema, and never is", path)
	}
	switch {
	case typ.Kind() == reflect.Slice:
		if s.Items == nil {
			t.Errorf("%s: a list, not in the schema", path)
			return
		}
		agree(t, path+"[]", s.Items, typ.Elem())
	case slices.Contains(s.Type, "object"):
		if s.Additional == nil || *s.Additional {
			t.Errorf("%s: additionalProperties is not false", path)
		}
		var names []string
		for i := range typ.NumField() {
			field := typ.Field(i)
			name := field.Tag.Get("json")
			names = append(names, name)
			if s.Properties[name] == nil {
				t.Errorf("%s.%s is not in the schema", path, name)
				continue
			}
			agree(t, path+"."+name, s.Properties[name], field.Type)
		}
		if len(s.Properties) != len(names) || !slices.Equal(s.Required, names) {
			t.Errorf("%s: fields %v, required %v, %d properties", path, names, s.Required, len(s.Properties))
		}
	case typ.Kind() == reflect.Struct && typ.NumField() > 0 && typ.PkgPath() == reflect.TypeFor[status.Snapshot]().PkgPath():
		t.Errorf("%s: an object, not in the schema", path)
	}
}

func TestJSONDecodesBack(t *testing.T) {
	for name, in := range map[string]status.Inputs{"full": full("é <b>&\u2029"), "nothing known": {}} {
		s := status.NewBuilder(noSecrets).Build(in, noon)
		body, err := status.JSON(s)
		if err != nil {
			t.Fatal(err)
		}
		var back status.Snapshot
		if err := json.Unmarshal(body, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&back, s) {
			t.Errorf("%s came back as %+v, want %+v", name, &back, s)
		}
	}
}
