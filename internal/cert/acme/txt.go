package acme

// The TXT records that we wrote: noted before they are written, so that none is
// left behind.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/durable"
)

const (
	// maxRecords bounds how many are noted, maxTXT the file, in bytes.
	maxRecords, maxTXT = 4 * maxNames, 512 << 10
	// sweepTime bounds taking records away.
	sweepTime = time.Minute
)

// txt is a TXT record of ours.
type txt struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Order is the order that it is for.
	Order string `json:"order,omitempty"`
}

// same reports whether a and b are one record.
func (a txt) same(b txt) bool { return a.Name == b.Name && a.Value == b.Value }

func (i *Issuer) txtFile() string { return filepath.Join(i.cfg.Folder, "txt.json") }

// parseTXT reads what saveTXT wrote.
func parseTXT(text []byte) (list []txt, err error) {
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	if len(list) > maxRecords {
		return nil, fmt.Errorf("there are %d records, and at most %d are noted", len(list), maxRecords)
	}
	for _, t := range list {
		if t.Name == "" || len(t.Name) > 253 || len(t.Value) > 64 || !isToken(t.Value) {
			return nil, errors.New("a record is not as we write it")
		}
	}
	return list, nil
}

func (i *Issuer) loadTXT() error {
	return durable.Load(i.txtFile(), maxTXT, func(text []byte) (err error) { i.written, err = parseTXT(text); return err })
}

func (i *Issuer) saveTXT() error {
	text, err := json.Marshal(i.written)
	if err != nil {
		return err
	}
	return durable.Save(i.txtFile(), text)
}

// add notes t and writes it.
func (i *Issuer) add(ctx context.Context, t txt) error {
	if !slices.ContainsFunc(i.written, t.same) {
		if len(i.written) >= maxRecords {
			return errors.New("too many records wait for being taken away")
		}
		i.written = append(i.written, t)
		if err := i.saveTXT(); err != nil {
			return fmt.Errorf("noting the record: %w", err)
		}
	}
	return i.cfg.Records.Add(ctx, t.Name, t.Value)
}

// sweep takes away all that was written but keep, also when ctx has ended. What
// could not be taken away stays noted.
func (i *Issuer) sweep(ctx context.Context, keep func(txt) bool) {
	if len(i.written) == 0 || i.cfg.Records == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepTime)
	defer cancel()
	var left []txt
	swept := false
	for _, t := range i.written {
		if keep != nil && keep(t) {
			left = append(left, t)
			continue
		}
		if err := i.cfg.Records.Remove(ctx, t.Name, t.Value); err != nil {
			i.log.Warn("a TXT record could not be taken away; it is tried again", "name", t.Name, "error", err)
			left = append(left, t)
			continue
		}
		swept = true
	}
	if !swept {
		return
	}
	i.written = left
	if err := i.saveTXT(); err != nil {
		i.log.Warn("it could not be noted that TXT records are gone", "error", err)
	}
}
