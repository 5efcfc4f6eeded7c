package main

// edgeguard doctor: walk the chain once, beside a daemon or without one.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/edgeguard/edgeguard/internal/fact"
	"github.com/edgeguard/edgeguard/internal/status"
	"github.com/spf13/cobra"
)

// doctorTime is how long doctor takes at most unless it is told otherwise.
const doctorTime = time.Minute

func newDoctor(opt *options) *cobra.Command {
	var timeout time.Duration
	var asJSON, verbose bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at every link of the chain once, and change nothing",
		Long: "Doctor looks at every link of the chain once, from the street to the sofa, and says in\n" +
			"words what is broken and what to do about it. It needs no daemon, disturbs none that runs,\n" +
			"and changes nothing: no record, no forward, no mapping, no file. It exits 1 where a link\n" +
			"fails. A link that --timeout cuts off is not known, and does not count as one that fails.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return misuse(errors.New("--timeout: give a time above zero, such as 60s"))
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			snapshot, err := examine(ctx, opt, cmd.ErrOrStderr(), consultation(cmd.OutOrStdout(), asJSON, verbose))
			if err != nil {
				return err
			}
			if asJSON {
				text, err := status.JSON(snapshot)
				if err == nil {
					_, err = cmd.OutOrStdout().Write(text)
				}
				if err != nil {
					return failed(err)
				}
			}
			if snapshot.Status == fact.VerdictFail {
				return &codedError{code: exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", doctorTime, "end after `DURATION`, with what is known by then")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the JSON of /api/v1/status, with what was found now")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print what each verdict rests on as well")
	return cmd
}

// examine walks the chain and tells sheet of each link.
func examine(ctx context.Context, opt *options, stderr io.Writer, sheet *sheet) (*status.Snapshot, error) {
	cfg, err := loadConfig(opt, listenFlags{})
	if err != nil {
		return nil, err
	}
	own, _ := lanAddress(cfg) // without a network there is all the more to say
	if err := refuseExposed(cfg, own); err != nil {
		return nil, misuse(err)
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintln(stderr, "warning:", warning)
	}
	d, err := newExaminer(opt, cfg, own)
	if err != nil {
		return nil, misuse(err)
	}
	if err := d.walk(ctx, sheet); err != nil {
		return nil, failed(err)
	}
	if len(d.cut) > 0 {
		fmt.Fprintf(stderr, "not looked at to the end: %s. What is not known counts as no failure; give doctor more time with --timeout\n", strings.Join(d.cut, ", "))
	}
	return d.snapshot(), nil
}

// sheet is what doctor writes down link by link.
type sheet struct {
	w       io.Writer // nil for nothing
	live    bool      // lines may be written over
	options status.TextOptions
	err     error // the first failure to write
	open    bool  // a line of progress stands
	begun   bool
}

// consultation is the sheet for standard output; that of JSON stays empty.
func consultation(w io.Writer, asJSON, verbose bool) *sheet {
	if asJSON {
		return &sheet{}
	}
	s := &sheet{w: w, live: drawsOn(w), options: textOptions(w, verbose)}
	s.options.Fresh = true
	return s
}

// begin says what is looked at now, where a line can be taken back.
func (s *sheet) begin(id, doing string) {
	if s.w == nil || !s.live {
		return
	}
	s.gap()
	s.write(status.Progress(id, doing))
	s.open = true
}

// end writes the block of a link.
func (s *sheet) end(snapshot *status.Snapshot, id string) {
	if s.w == nil {
		return
	}
	if s.open {
		s.write("\r\x1b[2K") // to the line's begin, and erase it (ECMA-48, section 8.3.41)
		s.open = false
	} else {
		s.gap()
	}
	s.err = errors.Join(s.err, status.WriteLink(s.w, snapshot, id, s.options))
}

// close writes the verdict of the whole.
func (s *sheet) close(snapshot *status.Snapshot) error {
	if s.w != nil {
		s.gap()
		s.err = errors.Join(s.err, status.WriteHeadline(s.w, snapshot))
	}
	return s.err
}

// gap is the empty line between blocks.
func (s *sheet) gap() {
	if s.begun {
		s.write("\n")
	}
	s.begun = true
}

func (s *sheet) write(text string) {
	_, err := io.WriteString(s.w, text)
	s.err = errors.Join(s.err, err)
}
