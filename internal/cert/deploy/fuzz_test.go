package deploy

import (
	"strings"
	"testing"
)

func FuzzParsePID(f *testing.F) {
	for _, s := range []string{"1", "1234\n", " 7 \x00", "-1", "0x10", "4194305", "٣", "1e3", "+5", "1_0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		pid, err := parsePID(text)
		if err == nil && (pid < 1 || pid > maxPID || strings.Trim(strings.TrimSpace(string(text)), "0123456789") != "") {
			t.Errorf("%q gives %d", text, pid)
		}
		if err != nil && (pid != 0 || len(err.Error()) > 100) {
			t.Errorf("%q gives %d, %v", text, pid, err)
		}
	})
}

func FuzzNameMatches(f *testing.F) {
	f.Add("mosquitto", "mosquitto\n", "/usr/sbin/mosquitto\x00-c\x00x")
	f.Add("mosquitto-with-tls", "mosquitto-with-\n", "/opt/mosquitto-with-tls\x00")
	f.Add("kthreadd", "kthreadd\n", "")
	f.Add("", "\n", "x")
	f.Fuzz(func(t *testing.T, name, comm, cmdline string) {
		if !nameMatches(name, comm, cmdline) {
			return
		}
		if cmdline == "" || name == "" || !strings.HasPrefix(name, strings.TrimSuffix(comm, "\n")) || len(name) > commLength && !strings.Contains(cmdline, name) {
			t.Errorf("%q is taken for %q with %q", comm, name, cmdline)
		}
	})
}

func FuzzSurvivesHangup(f *testing.F) {
	f.Add("Name:\tmosquitto\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180014a03\n")
	f.Add("Name:\tSigCgt: 1\nSigCgt:\tno\n")
	f.Fuzz(func(t *testing.T, status string) {
		survives, known := survivesHangup(status)
		if survives && !known {
			t.Errorf("%q: it survives, and nothing is known", status)
		}
		// What comes before does not hide what the kernel says last.
		if known && !survives {
			if survives, known := survivesHangup(status + "\nSigCgt:\t0000000000000001\n"); !survives || !known {
				t.Errorf("%q hides the last line", status)
			}
		}
	})
}

func TestSurvivesHangup(t *testing.T) {
	for status, want := range map[string][2]bool{
		"Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180014a03\n": {true, true},
		"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000180014a02\n":           {false, true},
		"SigIgn:\t0000000000000001\n": {true, true},
		"Name:\tSigCgt: 1\n":          {false, false},
		"SigCgt:\tno\n":               {false, false},
		"":                            {false, false},
	} {
		if survives, known := survivesHangup(status); survives != want[0] || known != want[1] {
			t.Errorf("%q gives %v, %v", status, survives, known)
		}
	}
}

func FuzzGenerationNames(f *testing.F) {
	for _, s := range []string{"gen-00000001", "gen-1", "gen-00000000", "gen-100000000", "gen--0000001", "gen-99999999999999999999", "../x", "gen-00000001/..", "current.new", "x.new"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n := numberOf(name)
		if n != 0 && (generation(n) != name || strings.ContainsAny(name, "/.\x00")) {
			t.Errorf("%q is taken for generation %d", name, n)
		}
		if leftover(name) && (n != 0 || strings.Contains(name, "/")) {
			t.Errorf("%q is taken for a leftover", name)
		}
	})
}
