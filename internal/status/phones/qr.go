package phones

// The picture (ISO/IEC 18004) as SVG, which needs no style and no script.

import (
	"fmt"
	"strconv"
	"strings"

	"rsc.io/qr"
)

const (
	// maxLink bounds what stands in a picture, in bytes: no address of ours is
	// longer, and a phone must tell its squares apart.
	maxLink = 300
	// quiet is the white margin without which a camera does not find the
	// picture, in squares (ISO/IEC 18004, section 9.1).
	quiet = 4
	// side is how wide the picture is where no style says so, in CSS pixels.
	side = 232
)

// QR draws link as an SVG element. The picture is black on white whatever the
// page's colours are: many cameras do not read the reverse. label says what it is
// to those who do not see it; both texts may hold anything. It returns an error
// for a link that is empty or too long.
func QR(link, label string) (string, error) {
	if link == "" || len(link) > maxLink {
		return "", fmt.Errorf("drawing a link of %d bytes: want 1 to %d", len(link), maxLink)
	}
	code, err := qr.Encode(link, qr.M)
	if err != nil {
		return "", fmt.Errorf("drawing a link: %w", err)
	}
	all := code.Size + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="qr" width="%d" height="%d" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img" aria-label="%s">`,
		side, side, all, all, escaped(label))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff" /><path fill="#000" d="`, all, all)
	for y := range code.Size {
		drawRow(&b, code, y)
	}
	b.WriteString(`" /></svg>`)
	return b.String(), nil
}

// drawRow draws the black squares of a row, those side by side as one.
func drawRow(b *strings.Builder, code *qr.Code, y int) {
	for x := 0; x < code.Size; x++ {
		from := x
		for x < code.Size && code.Black(x, y) {
			x++
		}
		if n := x - from; n > 0 {
			width := strconv.Itoa(n)
			b.WriteString("M" + strconv.Itoa(from+quiet) + " " + strconv.Itoa(y+quiet) + "h" + width + "v1h-" + width + "z")
		}
	}
}
