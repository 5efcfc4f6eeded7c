package igd

// Making the router's XML harmless before a decoder builds anything from it.

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/edgeguard/edgeguard/internal/tidy"
)

const (
	maxDepth    = 24   // a description with all its devices needs ten
	maxElements = 4000 // the largest descriptions seen have some hundreds
)

// tidyXML returns the one root element of body as UTF-8 without a declaration
// and without characters that XML forbids, or an error where it is nested too
// deeply, has too many elements, has a document type or does not parse.
//
// Text that is neither UTF-8 nor UTF-16 is taken for Latin-1, whatever the declaration says:
// the names in it are only shown, and no router is lost over an umlaut.
func tidyXML(body []byte) ([]byte, error) {
	body = permitted(toUTF8(body))
	if rest := bytes.TrimLeft(body, " \t\r\n"); bytes.HasPrefix(rest, []byte("<?xml")) {
		_, after, ok := bytes.Cut(rest, []byte("?>"))
		if !ok {
			return nil, errors.New("the router's XML ends within its declaration")
		}
		body = after
	}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	depth, elements := 0, 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the router's XML has no content")
		}
		if err != nil {
			return nil, fmt.Errorf("the router's XML does not parse: %s", tidy.Line(err.Error(), 120))
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
			elements++
			if depth > maxDepth || elements > maxElements {
				return nil, errors.New("the router's XML is nested too deeply or has too many elements")
			}
		case xml.EndElement:
			if depth--; depth == 0 {
				return body[:decoder.InputOffset()], nil
			}
		case xml.Directive:
			return nil, errors.New("the router's XML has a document type, which UPnP has no use for")
		}
	}
}

// toUTF8 returns body as UTF-8: as UTF-16 where it looks like that, and as
// Latin-1 where it is neither.
func toUTF8(body []byte) []byte {
	if order := utf16Order(body); order != nil {
		return fromUTF16(body, order)
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if utf8.Valid(body) {
		return body
	}
	out := make([]byte, 0, len(body)+len(body)/8)
	for _, c := range body {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// utf16Order returns the order of octets of an XML text in UTF-16, by its
// byte-order mark or its first character, which is < (XML 1.0, appendix F).
// It is nil where the text is something else.
func utf16Order(body []byte) binary.ByteOrder {
	if len(body) < 2 {
		return nil
	}
	switch [2]byte(body) {
	case [2]byte{0xFE, 0xFF}, [2]byte{0, '<'}:
		return binary.BigEndian
	case [2]byte{0xFF, 0xFE}, [2]byte{'<', 0}:
		return binary.LittleEndian
	}
	return nil
}

func fromUTF16(body []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, 0, len(body)/2)
	for ; len(body) >= 2; body = body[2:] {
		units = append(units, order.Uint16(body))
	}
	return bytes.TrimPrefix([]byte(string(utf16.Decode(units))), []byte("\ufeff"))
}

// permitted puts a space in place of every character that XML 1.0, section
// 2.2, forbids.
func permitted(body []byte) []byte {
	return bytes.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r != 0xFFFE && r != 0xFFFF:
			return r
		}
		return ' '
	}, body)
}
