package deploy

// What the kernel and a broker write about processes. All of it is foreign text.

import (
	"errors"
	"strconv"
	"strings"
)

const (
	// maxPID is the largest that Linux ever gives (PID_MAX_LIMIT).
	maxPID = 1 << 22
	// commLength is how much of a name the kernel keeps, in bytes.
	commLength = 15
	// maxProcFile bounds what is read of a file about a process, in bytes.
	maxProcFile = 16 << 10
)

// parsePID reads a pid file: a number, and white space around it.
func parsePID(text []byte) (int, error) {
	word := strings.TrimSpace(string(text))
	n, err := strconv.ParseUint(word, 10, 32)
	switch {
	case word == "":
		return 0, errors.New("it is empty; the broker may only just be starting")
	case err != nil:
		return 0, errors.New("there is something else than a number in it")
	case n < 1 || n > maxPID:
		return 0, errors.New("its number is none that a process can have")
	}
	return int(n), nil
}

// nameMatches reports whether a process is that of a name: comm is the name that
// the kernel keeps, cmdline the command line with a NUL after each word, empty
// for threads of the kernel and for what has ended.
func nameMatches(name, comm, cmdline string) bool {
	if cmdline == "" || name == "" {
		return false
	}
	comm = strings.TrimSuffix(comm, "\n")
	if len(name) <= commLength {
		return comm == name
	}
	program, _, _ := strings.Cut(cmdline, "\x00")
	return comm == name[:commLength] && program[strings.LastIndexByte(program, '/')+1:] == name
}

// survivesHangup reports whether SIGHUP leaves a process of this status file
// (proc_pid_status(5)) running: it catches, blocks or ignores it. known is false
// where the file does not say.
func survivesHangup(status string) (survives, known bool) {
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		if key != "SigBlk" && key != "SigIgn" && key != "SigCgt" {
			continue
		}
		mask, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			return false, false
		}
		known = true
		survives = survives || mask&1 != 0 // SIGHUP is signal 1
	}
	return survives, known
}
