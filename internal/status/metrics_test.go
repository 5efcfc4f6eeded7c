package status_test

// The metrics: what stands in them, what can not, and what Prometheus's own tool
// says of them.

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/ddns"
	"github.com/edgeguard/edgeguard/internal/dnsserver"
	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/secret"
	"github.com/edgeguard/edgeguard/internal/status"
)

// promtool runs Prometheus's tool to its end with input, and returns what it said
// and whether it was content. Without it the test is skipped.
func promtool(t *testing.T, input []byte, args ...string) (said string, content bool) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("EDGEGUARD_LAB") == "require" {
		t.Fatal("EDGEGUARD_LAB=require, but there is no promtool; scripts/lab-deps installs it")
	} else if err != nil {
		t.Skip("there is no promtool (package prometheus)")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// everything is a snapshot in which every metric has a value.
func everything() *status.Snapshot {
	in := full("x")
	in.DNS.Upstreams[1].RTT = time.Millisecond
	s := status.NewBuilder(noSecrets).Build(in, noon)
	at := s.GeneratedAt
	s.Services[0].Certificate.NotBefore = &at
	s.Services[0].MQTT5 = new("accepted")
	s.Outside = []status.OutsideCheck{{Service: "mqtt", Verdict: "open"}}
	return s
}

func metricsOf(t *testing.T, s *status.Snapshot) string {
	t.Helper()
	text, err := status.Metrics(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPromtoolIsContent(t *testing.T) {
	for name, s := range map[string]*status.Snapshot{
		"full":          everything(),
		"nothing known": status.NewBuilder(noSecrets).Build(status.Inputs{}, noon),
	} {
		if said, content := promtool(t, []byte(metricsOf(t, s)), "check", "metrics"); !content || said != "" {
			t.Errorf("%s: %s", name, said)
		}
	}
	// Or else it would be content with anything.
	if _, content := promtool(t, []byte("# TYPE a counter\na 1\n"), "check", "metrics"); content {
		t.Error("promtool takes a counter without _total and help")
	}
}

func TestMetricsSayWhatIsSo(t *testing.T) {
	text := metricsOf(t, everything())
	for _, line := range []string{
		`edgeguard_build_info{version="1.2.3 x"} 1`,
		`edgeguard_status{status="fail"} 1`,
		`edgeguard_link_status{link="forward",status="fail"} 1`,
		`edgeguard_link_status{link="forward",status="pass"} 0`,
		`edgeguard_link_since_timestamp_seconds{link="wan"} 1.7952588e+09`,
		`edgeguard_wan_address_info{address="203.0.113.7",family="ipv4"} 1`,
		`edgeguard_wan_address_known{family="ipv6"} 1`,
		`edgeguard_wan_nat{kind="cgnat"} 0`,
		`edgeguard_wan_source_answers{source="https://y"} 0`,
		`edgeguard_ddns_record_right{name="myhome.duckdns.org",type="A"} 0`,
		`edgeguard_forward_state{family="ipv4",port="8883",protocol="TCP",service="mqtt",state="conflict"} 1`,
		`edgeguard_relay_bytes_total{direction="out",family="ipv4",port="8883",protocol="TCP",service="mqtt"} 2000`,
		`edgeguard_service_reachable{service="mqtt"} 1`,
		`edgeguard_certificate_not_after_timestamp_seconds{service="mqtt"} 1.8032076e+09`,
		`edgeguard_hairpin_verdict{verdict="yes"} 1`,
		`edgeguard_outside_verdict{service="mqtt",verdict="open"} 1`,
		`edgeguard_service_mqtt_accepted{service="mqtt",version="3.1.1"} 0`,
		`edgeguard_service_mqtt_accepted{service="mqtt",version="5.0"} 1`,
		`edgeguard_service_old_devices{service="mqtt"} 0`,
		`edgeguard_certificate_file_served{service="mqtt"} 0`,
		`edgeguard_certificate_file_not_after_timestamp_seconds{service="mqtt"} `,
		`edgeguard_certificate_phase{phase="handing-over"} 1`,
		`edgeguard_certificate_phase{phase="kept"} 0`,
		`edgeguard_certificate_held_not_after_timestamp_seconds 1.8267948e+09`,
		`edgeguard_certificate_next_renewal_timestamp_seconds 1.8161676e+09`,
		`edgeguard_certificate_failing 1`,
		`edgeguard_certificate_serving{service="mqtt x"} 0`,
		`edgeguard_certificate_serving{service="web"} 1`,
		`edgeguard_lan_dhcp_ours 1`,
		`edgeguard_lan_advertisements_ours 1`,
		`edgeguard_dns_queries_total{result="cached"} 3`,
		`edgeguard_dns_upstream_rtt_seconds{upstream="9.9.9.9"} 0.025`,
		`edgeguard_dns_upstream_healthy{upstream="9.9.9.9"} 0`,
		`edgeguard_dns_cache_size_bytes 100`,
		`edgeguard_dns_clients 1`,
		"process_resident_memory_bytes ",
		"process_cpu_seconds_total ",
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
}

// What is not known has no value, rather than a zero that would be believed.
func TestMetricsOfNothing(t *testing.T) {
	text := metricsOf(t, status.NewBuilder(noSecrets).Build(status.Inputs{}, noon))
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, "{")
		switch {
		case strings.HasPrefix(line, "#"), strings.HasPrefix(line, "process_"):
		case name == "edgeguard_build_info", name == "edgeguard_status", name == "edgeguard_link_status",
			name == "edgeguard_link_since_timestamp_seconds", name == "edgeguard_hairpin_verdict", line == "edgeguard_config_refused 0\n":
		default:
			t.Errorf("a value of nothing: %s", line)
		}
	}
	for _, id := range status.LinkIDs() {
		if want := fmt.Sprintf("edgeguard_link_status{link=%q,status=\"unknown\"} 1\n", id); !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestRightRecords(t *testing.T) {
	a, b := fact.KnownAddr(netip.MustParseAddr("203.0.113.7"), "", noon), fact.KnownAddr(netip.MustParseAddr("203.0.113.8"), "", noon)
	none, unknown := fact.NoAddr("", noon), fact.UnknownAddr("", noon)
	for _, test := range []struct {
		record ddns.RecordStatus
		want   string
	}{
		{ddns.RecordStatus{Desired: a, Published: a}, "} 1\n"},
		{ddns.RecordStatus{Desired: a, Published: b}, "} 0\n"},
		{ddns.RecordStatus{Desired: a, Published: none}, "} 0\n"},
		{ddns.RecordStatus{Desired: none, Published: none}, "} 1\n"},
		{ddns.RecordStatus{Desired: a, Published: unknown}, ""},
		{ddns.RecordStatus{Desired: unknown, Published: a}, ""},
		{ddns.RecordStatus{Desired: a, Published: unknown, WrongSince: noon}, "} 0\n"},
		{ddns.RecordStatus{Desired: a, Published: a, WrongSince: noon}, "} 0\n"},
	} {
		in := status.Inputs{DDNS: ddns.Status{Records: []ddns.RecordStatus{test.record}, Link: link(fact.VerdictPass, "x")}}
		text := metricsOf(t, status.NewBuilder(noSecrets).Build(in, noon))
		_, got, _ := strings.Cut(text, "\nedgeguard_ddns_record_right{")
		if got, _, _ = strings.Cut(got, "#"); !strings.HasSuffix(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%+v gives %q, want %q", test.record, got, test.want)
		}
	}
}

// Whatever stands in a name, the text stays one that Prometheus reads, without a
// line too many.
func TestHostileNamesInMetrics(t *testing.T) {
	in := full("x")
	in.DDNS.Records, in.DNS.Upstreams = nil, nil
	for _, name := range []string{"a\"} 1\nevil 1", "b\\", strings.Repeat("é", 5000), "c\xff\xfe", "c", "c\u202e", "{}", "twice", "twice"} {
		in.DDNS.Records = append(in.DDNS.Records, ddns.RecordStatus{Name: name, Type: "A", Intercepted: true})
		in.DNS.Upstreams = append(in.DNS.Upstreams, dnsserver.UpstreamStatus{Name: name, Queries: 1})
	}
	for i := range 10_000 {
		in.DNS.Upstreams = append(in.DNS.Upstreams, dnsserver.UpstreamStatus{Name: fmt.Sprint("more", i)})
	}
	text := metricsOf(t, status.NewBuilder(noSecrets).Build(in, noon))
	if said, content := promtool(t, []byte(text), "check", "metrics"); !content {
		t.Errorf("promtool: %s", said)
	}
	if n := strings.Count(text, "\n"); n > 1200 || strings.Contains(text, "\nevil") {
		t.Errorf("%d lines", n)
	}
	for line := range strings.Lines(text) {
		if len(line) > 700 {
			t.Errorf("a line of %d bytes: %.100s", len(line), line)
		}
	}
}

func TestMetricsOverHTTP(t *testing.T) {
	const token = "s3cret-token"
	s := everything()
	s.Version, s.DDNS[0].Name, s.DNS.Upstreams[1].Name = token, token+".example.org", "https://dns.example/"+token
	s.WAN.Sources[0].Name, s.Services[0].Name, s.Forwards[0].Service, s.Outside[0].Service = token, token, token, token
	server := httptest.NewServer(status.Handler(status.NewServer(status.ServerConfig{
		Snapshot: func() *status.Snapshot { return s }, Secrets: list(secret.New(token)),
	})))
	defer server.Close()
	for method, code := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405} {
		request, err := http.NewRequest(method, server.URL+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
		answer, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != code {
			t.Fatalf("%s: %s, %v", method, answer.Status, err)
		}
		if method == "GET" && (answer.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" || !strings.Contains(string(body), "\nedgeguard_link_status{")) {
			t.Errorf("%s: %s", answer.Header.Get("Content-Type"), body)
		}
		if strings.Contains(string(body), token) || method == "HEAD" && len(body) != 0 {
			t.Errorf("%s: %s", method, body)
		}
	}
}
