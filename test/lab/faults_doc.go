//go:build linux

package lab

// docs/troubleshooting.md, made of the table of faults.

import (
	"fmt"
	"strings"
)

// linkQuestions are what each link of the chain answers, in its order.
var linkQuestions = []struct{ id, question string }{
	{"wan", "What is the public address, and is it really yours?"},
	{"ddns", "Does the public record of the name say that address?"},
	{"forward", "Does the router forward the port to the service?"},
	{"broker", "Does the service answer, in TLS and in MQTT?"},
	{"certificate", "Does its certificate name what clients dial, and do they trust it?"},
	{"hairpin", "Does the router loop the public address back into the home?"},
	{"dns", "Does this DNS server answer with the local address, and for the rest of the world too?"},
	{"clients", "Do the devices at home ask this DNS server at all?"},
}

// Troubleshooting is the text of docs/troubleshooting.md.
func Troubleshooting() string {
	var b strings.Builder
	b.WriteString(`# Troubleshooting

The status page, ` + "`edgeguard status`, `edgeguard doctor`" + ` and the log say the same sentence when a
link of the chain breaks. Look for it here. Addresses and names are examples: the
broker is at 192.168.1.10, the router at 192.168.1.1, the public address is
203.0.113.7.

This file is made of the table that the tests go by: each of these faults is
brought about in a home of network namespaces with a real router, broker and
name server, the one link must turn with this one sentence, and turn back when
the fault is gone. To change it, change the table (` + "`test/lab/faults_table_*.go`" + `) and
run ` + "`go test ./test/lab -run TestTroubleshooting -update`" + `.

`)
	example := ExampleValues()
	for _, link := range linkQuestions {
		fmt.Fprintf(&b, "## `%s`: %s\n\n", link.id, link.question)
		for _, f := range AllFaults() {
			if f.Link == link.id {
				f.write(&b, example)
			}
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func (f Fault) write(b *strings.Builder, example Values) {
	fmt.Fprintf(b, "### %s\n\n", strings.TrimSuffix(f.Title, "."))
	fmt.Fprintf(b, "`%s` is `%s`:\n\n> %s\n\n", f.Link, f.Verdict, example.Fill(f.Summary))
	if f.Action != "" {
		fmt.Fprintf(b, "What to do: %s\n\n", example.Fill(f.Action))
	}
	if f.More != "" {
		fmt.Fprintf(b, "%s\n\n", example.Fill(f.More))
	}
	var also []string
	for _, a := range f.Also {
		link, _, _ := strings.Cut(a, " ")
		also = append(also, "`"+link+"`")
	}
	if len(also) > 0 {
		fmt.Fprintf(b, "With it may turn: %s.\n\n", strings.Join(also, ", "))
	}
}
