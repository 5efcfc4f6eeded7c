package phones_test

// The picture, read by another's reader; and the profile, read by another's
// parser of property lists.

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edgeguard/edgeguard/internal/status/phones"
)

// tool is the path of a program that judges; without it the test is skipped.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("EDGEGUARD_LAB") == "require" {
		t.Fatalf("EDGEGUARD_LAB=require, but there is no %s; scripts/lab-deps installs it", name)
	} else if err != nil {
		t.Skipf("there is no %s (package %s)", name, pkg)
	}
	return path
}

// drawn paints an SVG of ours by what stands in it, each unit scale pixels wide.
func drawn(t *testing.T, svg string, scale int) image.Image {
	t.Helper()
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	all := regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`).FindStringSubmatch(svg)
	if all == nil || all[1] != all[2] || !strings.Contains(svg, `<rect width="`+all[1]+`" height="`+all[1]+`" fill="#fff" />`) {
		t.Fatalf("no white square: %s", svg)
	}
	side := number(all[1]) * scale
	picture := image.NewGray(image.Rect(0, 0, side, side))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	_, path, _ := strings.Cut(svg, ` d="`)
	path, _, _ = strings.Cut(path, `"`)
	run := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
	for _, m := range run.FindAllStringSubmatch(path, -1) {
		x, y, width := number(m[1]), number(m[2]), number(m[3])
		if m[3] != m[4] {
			t.Fatalf("an open shape: %s", m[0])
		}
		draw.Draw(picture, image.Rect(x*scale, y*scale, (x+width)*scale, (y+1)*scale), image.NewUniform(color.Black), image.Point{}, draw.Src)
	}
	if rest := run.ReplaceAllString(path, ""); rest != "" {
		t.Fatalf("something else is drawn: %q", rest)
	}
	return picture
}

func TestAReaderReadsThePicture(t *testing.T) {
	reader := tool(t, "zbarimg", "zbar-tools")
	for _, link := range []string{
		"http://192.168.1.2:8053/ca/", "http://10.0.0.1/ca/", "http://[fd00:1234:5678:9abc:def0:1234:5678:9abc]:65535/ca/",
		"http://" + strings.Repeat("very-long-label.", 15) + "example.org:8053/ca/",
	} {
		svg, err := phones.QR(link, "to "+link)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "qr.png")
		var b bytes.Buffer
		if err := png.Encode(&b, drawn(t, svg, 4)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), reader, "--quiet", "--raw", file).Output()
		if got := strings.TrimSuffix(string(out), "\n"); err != nil || got != link {
			t.Errorf("%s is read as %q, %v", link, got, err)
		}
	}
}

func TestNoPictureOfNothingOrTooMuch(t *testing.T) {
	for _, link := range []string{"", strings.Repeat("x", 301)} {
		if svg, err := phones.QR(link, "x"); err == nil || svg != "" {
			t.Errorf("%d bytes give %q", len(link), svg)
		}
	}
	svg, err := phones.QR(`"><script>`, `"><script>x</script>`)
	if err != nil || strings.Contains(svg, "<script") || strings.Contains(svg, `label="">`) {
		t.Errorf("a hostile link gives %v, %s", err, svg)
	}
}

// certificate makes one called name, signed by itself or by another.
func certificate(t *testing.T, name string, self bool) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true,
	}
	parent := template
	if !self {
		parent = &x509.Certificate{Subject: pkix.Name{CommonName: "another"}}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// values are the texts that follow each key of a property list, the outer
// dictionary's last.
func values(t *testing.T, profile []byte) map[string][]string {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(profile))
	got := map[string][]string{}
	key, text := "", ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return got
		} else if err != nil {
			t.Fatalf("%v in %s", err, profile)
		}
		switch token := token.(type) {
		case xml.StartElement:
			text = ""
		case xml.CharData:
			text += string(token)
		case xml.EndElement:
			switch token.Name.Local {
			case "key":
				key = text
			case "string", "data", "integer":
				got[key] = append(got[key], text)
			case "true", "false":
				got[key] = append(got[key], token.Name.Local)
			}
		}
	}
}

const hostile = "A & B <string>\"x'</string>]]>\x00é"

func TestTheProfileHoldsTheCertificate(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`)
	seen := map[string]bool{}
	for _, self := range []bool{true, false} {
		c := certificate(t, "Home CA", self)
		profile := phones.Profile(c, hostile)
		got := values(t, profile)
		kind := map[bool]string{true: "com.apple.security.root", false: "com.apple.security.pkcs1"}[self]
		raw := base64.StdEncoding.EncodeToString(c.Raw)
		name := strings.ReplaceAll(hostile, "\x00", "\uFFFD")
		for key, want := range map[string][]string{
			"PayloadType": {kind, "Configuration"}, "PayloadVersion": {"1", "1"}, "PayloadContent": {raw}, "PayloadDisplayName": {name, name}, "PayloadRemovalDisallowed": {"false"},
		} {
			if fmt.Sprintf("%q", got[key]) != fmt.Sprintf("%q", want) {
				t.Errorf("%s is %q, want %q", key, got[key], want)
			}
		}
		if sum := fmt.Sprintf("%X", sha256.Sum256(c.Raw)); !strings.Contains(got["PayloadDescription"][0], sum) {
			t.Errorf("the profile does not say the SHA-256: %q", got["PayloadDescription"])
		}
		for _, id := range append(got["PayloadUUID"], got["PayloadIdentifier"]...) {
			if seen[id] {
				t.Errorf("%s is there twice", id)
			}
			seen[id] = true
		}
		for _, id := range got["PayloadUUID"] {
			if !uuid.MatchString(id) {
				t.Errorf("%s is no UUID of version 8", id)
			}
		}
		if !bytes.Equal(profile, phones.Profile(c, hostile)) {
			t.Error("the same certificate gives another profile")
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d names, not 8", len(seen))
	}
}

// Another's parser takes it for a property list, and gives the same back.
func TestAnothersParserReadsTheProfile(t *testing.T) {
	parser := tool(t, "plistutil", "libplist-utils")
	profile := phones.Profile(certificate(t, "Home CA", true), strings.ReplaceAll(hostile, "\x00", ""))
	run := func(input []byte, format string) []byte {
		t.Helper()
		in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(in, input, 0o600); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.CommandContext(t.Context(), parser, "-i", in, "-o", out, "-f", format).CombinedOutput(); err != nil {
			t.Fatalf("plistutil: %v: %s", err, said)
		}
		made, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	compiled := run(profile, "bin")
	if !bytes.HasPrefix(compiled, []byte("bplist00")) {
		t.Fatalf("plistutil made %q", compiled)
	}
	want, got := values(t, profile), values(t, run(compiled, "xml"))
	for i, text := range got["PayloadContent"] { // folded into lines by plistutil
		got["PayloadContent"][i] = strings.Join(strings.Fields(text), "")
	}
	if len(want) < 8 || fmt.Sprint(want) != fmt.Sprint(got) {
		t.Errorf("it comes back as\n%q, want\n%q", got, want)
	}
}
