package page

// The page from which phones take the authorities' certificates, as a phone
// shows it, and as another phone's camera sees it.

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/edgeguard/edgeguard/internal/status"
)

// authority makes an authority of this name.
func authority(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: now.AddDate(5, 0, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestThePageForPhones(t *testing.T) {
	h := serve(t, whole())
	h.authorities = []status.Authority{{Service: "mqtt", Certificate: authority(t, "Home CA"), Own: true}, {Service: "cloud", Certificate: authority(t, poisoned)}}
	h.crl, h.name = []byte{0x30, 0}, homeName
	b := open(t, h, 360, media("prefers-color-scheme", "dark"))
	b.run(chromedp.Navigate(h.url() + "/ca/"))
	b.picture("ca-phone-dark")
	b.text(unfold)
	b.want(`getComputedStyle(document.body).backgroundColor`, "rgb(22, 21, 20)")
	b.want(`document.documentElement.scrollWidth <= innerWidth`, "true")
	b.want(contrasts, "")
	b.want(`typeof window.hurt`, "undefined")
	b.want(`document.querySelectorAll("script, main img, main style, [onerror]").length`, "0")
	for _, want := range []string{"Install Home CA", "Certificate Trust Settings", "Install anyway", "Trusted Root Certification Authorities", "update-ca-certificates", h.url() + "/ca/"} {
		quoted, _ := json.Marshal(want)
		b.want(`document.body.innerText.includes(`+string(quoted)+`)`, "true")
	}
	// Each link leads to what it says, in the type that makes a device take it.
	b.text(`(window.types = "", Promise.all([...document.querySelectorAll("main a")].map(async (a) => {
		const r = await fetch(a.href);
		return a.getAttribute("href") + " " + r.status + " " + r.headers.get("Content-Type");
	})).then((all) => { window.types = all.join("\n"); }))`)
	b.await("every link has been followed", `window.types !== ""`)
	var want []string
	for _, place := range []string{"1", "2"} {
		want = append(want, "/ca/"+place+".mobileconfig 200 application/x-apple-aspen-config", "/ca/"+place+".crt 200 application/x-x509-ca-cert", "/ca/"+place+".pem 200 application/x-pem-file")
	}
	b.want("window.types", strings.Join(append(want, "/ca/crl.pem 200 application/x-pem-file", "/ca/crl.der 200 application/pkix-crl"), "\n"))
	if got := b.scanned(); got != h.url()+"/ca/" {
		t.Errorf("a camera reads %q", got)
	}
}

// scanned is what a reader of QR codes sees of the picture on the page.
func (b *tab) scanned() string {
	b.t.Helper()
	reader, err := exec.LookPath("zbarimg")
	if err != nil && os.Getenv("EDGEGUARD_LAB") == "require" {
		b.t.Fatal("EDGEGUARD_LAB=require, but there is no zbarimg (package zbar-tools)")
	} else if err != nil {
		b.t.Skip("there is no zbarimg (package zbar-tools)")
	}
	var clip page.Viewport
	if err := json.Unmarshal([]byte(b.text(`(() => { const r = document.querySelector("svg.qr").getBoundingClientRect();
		return JSON.stringify({ X: r.x + scrollX, Y: r.y + scrollY, Width: r.width, Height: r.height, Scale: 1 }); })()`)), &clip); err != nil {
		b.t.Fatal(err)
	}
	if clip.Width < 150 || clip.Width > 360 {
		b.t.Errorf("the picture is %.0f pixels wide", clip.Width)
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: &clip, CaptureBeyondViewport: new(true)})
	if err != nil {
		b.t.Fatal(err)
	}
	file := filepath.Join(b.t.TempDir(), "qr.png")
	if err := os.WriteFile(file, shot.Data, 0o600); err != nil {
		b.t.Fatal(err)
	}
	limited, stop := context.WithTimeout(b.t.Context(), time.Minute)
	defer stop()
	out, err := exec.CommandContext(limited, reader, "--quiet", "--raw", file).Output()
	if err != nil {
		b.t.Errorf("zbarimg: %v", err)
	}
	return strings.TrimSuffix(string(out), "\n")
}
