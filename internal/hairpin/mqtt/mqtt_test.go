package mqtt_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/edgeguard/edgeguard/internal/hairpin/mqtt"
	"github.com/edgeguard/edgeguard/internal/secret"
)

// stream is a broker that has answered already.
type stream struct {
	io.Reader
	sent bytes.Buffer
}

func (s *stream) Write(b []byte) (int, error) { return s.sent.Write(b) }

func greet(v mqtt.Version, answer string) (string, string, error) {
	s := &stream{Reader: strings.NewReader(answer)}
	word, err := mqtt.Greet(s, v, mqtt.Credentials{})
	return word, s.sent.String(), err
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		version mqtt.Version
		answer  string
		want    string // empty: not MQTT
	}{
		{mqtt.V311, "\x20\x02\x00\x00", "accepted"},
		{mqtt.V311, "\x20\x02\x01\x00", "accepted"},
		{mqtt.V311, "\x20\x02\x00\x01", "protocol version not supported"},
		{mqtt.V311, "\x20\x02\x00\x02", "client identifier rejected"},
		{mqtt.V311, "\x20\x02\x00\x03", "server unavailable"},
		{mqtt.V311, "\x20\x02\x00\x04", "bad user name or password"},
		{mqtt.V311, "\x20\x02\x00\x05", "not authorised"},
		{mqtt.V311, "\x20\x02\x00\x06", "refused with code 6"},
		{mqtt.V311, "\x20\x03\x00\x84\x00", "protocol version not supported"},
		{mqtt.V311, "\x20\x03\x00\x87\x00", "not authorised"},
		{mqtt.V311, "\x20\x03\x00\xf0\x00", "refused with code 240"},
		{mqtt.V311, "\x20\x03\x00\x00\x00", ""}, // an acceptance of 5.0, which nobody asked for
		{mqtt.V311, "\x20\x02\x02\x00", ""},
		{mqtt.V311, "\x20\x01\x00\x00", ""},
		{mqtt.V311, "HTTP/1.1 400 Bad Request", ""},
		{mqtt.V311, "\x20\xff\xff\xff\xff\xff\xff", ""},
		{mqtt.V311, "\x20\xff\xff\xff\x7f\x00\x00", ""}, // 256 MiB to come
		{mqtt.V5, "\x20\x03\x00\x00\x00", "accepted"},
		{mqtt.V5, "\x20\x0c\x00\x00\x09\x12\x00\x03abc\x21\x00\x14", "accepted"},
		{mqtt.V5, "\x20\x0f\x00\x87\x0c\x1f\x00\x02no\x26\x00\x01a\x00\x01b", "not authorised"},
		{mqtt.V5, "\x20\x03\x00\x86\x00", "bad user name or password"},
		{mqtt.V5, "\x20\x03\x00\x9f\x00", "connection rate exceeded"},
		{mqtt.V5, "\x20\x02\x00\x01", "protocol version not supported"}, // knows 3.1.1 only
		{mqtt.V5, "\x20\x02\x00\x05", "not authorised"},
		{mqtt.V5, "\x20\x02\x00\x00", ""},
		{mqtt.V5, "\x20\x03\x00\x01\x00", ""},
		{mqtt.V5, "\x20\x03\x00\x00\x05", ""},                         // properties that do not come
		{mqtt.V5, "\x20\x05\x00\x00\x02\x7f\x00", ""},                 // an unknown property
		{mqtt.V5, "\x20\x07\x00\x00\x04\x24\x01\x24\x01", ""},         // one twice
		{mqtt.V5, "\x20\x09\x00\x00\x06\x1f\xff\xff\x00\x00\x00", ""}, // a string beyond the end
		{mqtt.V5, "\x20\x06\x00\x00\x83\x80\x80\x80\x80\x80\x00", ""}, // an endless length
		{mqtt.V5, "\x20\x07\x00\x00\x05\x27\x00\x00\x00\x00\x00", ""}, // a wrong length
		{mqtt.V5, "\x20\x08\x00\x00\x05\x27\x00\x00\x10\x00", "accepted"},
	}
	for _, tt := range tests {
		got, sent, err := greet(tt.version, tt.answer)
		if got != tt.want || (err != nil) != (tt.want == "") || tt.want == "" && !errors.Is(err, mqtt.ErrNotMQTT) {
			t.Errorf("%s, %x: got %q, %v; want %q", tt.version, tt.answer, got, err, tt.want)
		}
		if said := strings.HasSuffix(sent, "\xe0\x00"); said != (got == mqtt.Accepted) {
			t.Errorf("%s, %x: said goodbye: %v", tt.version, tt.answer, said)
		}
	}
}

// A broker that hangs up in the middle has said nothing.
func TestHalfAnAnswer(t *testing.T) {
	for _, answer := range []string{"", "\x20", "\x20\x02", "\x20\x02\x00", "\x20\x03\x00\x00"} {
		for _, version := range []mqtt.Version{mqtt.V311, mqtt.V5} {
			word, _, err := greet(version, answer)
			if word != "" || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, %x: %q, %v", version, answer, word, err)
			}
		}
	}
}

func TestConnect(t *testing.T) {
	tests := []struct {
		version mqtt.Version
		with    mqtt.Credentials
		want    string
	}{
		{mqtt.V311, mqtt.Credentials{}, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"},
		{mqtt.V5, mqtt.Credentials{}, "\x10\x0d\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00"},
		{mqtt.V311, mqtt.Credentials{User: "u"}, "\x10\x0f\x00\x04MQTT\x04\x82\x00\x0a\x00\x00\x00\x01u"},
		{mqtt.V311, mqtt.Credentials{User: "u", Password: secret.New("pw")}, "\x10\x13\x00\x04MQTT\x04\xc2\x00\x0a\x00\x00\x00\x01u\x00\x02pw"},
		{mqtt.V5, mqtt.Credentials{User: "u", Password: secret.New("pw")}, "\x10\x14\x00\x04MQTT\x05\xc2\x00\x0a\x00\x00\x00\x00\x01u\x00\x02pw"},
		{mqtt.V311, mqtt.Credentials{Password: secret.New("pw")}, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"},
	}
	for _, tt := range tests {
		if got := string(mqtt.Connect(tt.version, tt.with)); got != tt.want {
			t.Errorf("%s: %x, want %x", tt.version, got, tt.want)
		}
	}
	long := mqtt.Credentials{User: strings.Repeat("u", 200)}
	if got := mqtt.Connect(mqtt.V311, long); string(got[:3]) != "\x10\xd6\x01" || len(got) != 3+214 {
		t.Errorf("a long one: % x, %d bytes", got[:3], len(got))
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(true, []byte("\x20\x0c\x00\x00\x09\x12\x00\x03abc\x21\x00\x14"))
	f.Add(true, []byte("\x20\x0f\x00\x87\x0c\x1f\x00\x02no\x26\x00\x01a\x00\x01b"))
	f.Add(true, []byte("\x20\x02\x00\x01"))
	f.Add(false, []byte("\x20\x02\x00\x05"))
	f.Add(false, []byte("\x20\x03\x00\x84\x00"))
	f.Add(false, []byte("HTTP/1.1 400"))
	f.Fuzz(func(t *testing.T, five bool, answer []byte) {
		version := mqtt.V311
		if five {
			version = mqtt.V5
		}
		word, _, err := greet(version, string(answer))
		if (word == "") != (err != nil) {
			t.Fatalf("word %q with error %v", word, err)
		}
		if word == mqtt.Accepted {
			short := len(answer) >= 4 && answer[1] == 2
			if answer[0] != 0x20 || short == five || short && answer[3] != 0 {
				t.Fatalf("%x is no acceptance of %s", answer, version)
			}
			if five && answer[1] < 0x80 && !mqtt.Properties(answer[4:2+int(answer[1])]) {
				t.Fatalf("%x was accepted", answer)
			}
		}
	})
}
