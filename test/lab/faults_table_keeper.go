//go:build linux

package lab

// The faults of the certificate that edgeguard keeps itself.

const noneHeld = "There is no certificate, so clients cannot connect safely. The last attempt failed: "

var keeperFaults = []Fault{
	{
		ID: "keeper-acme-down", Title: "The public CA cannot be reached, and there is no certificate yet.", Link: "certificate", Verdict: "fail",
		Summary: noneHeld + "The CA's server could not be reached (reading its directory): connection refused.",
		Action:  "See whether this host reaches the Internet; it is tried again.",
		More:    "While a certificate is held that is still good for a while, a CA that is away is nobody's business and only in the log.",
	},
	{
		ID: "keeper-acme-limit", Title: "The public CA has had enough of us.", Link: "certificate", Verdict: "fail",
		Summary: noneHeld + "The CA's limit on requests is reached.",
		Action:  "Nothing: it is tried again when the CA allows it.",
		More:    "A restart does not ask sooner. When the CA allows it again stands in the status as `next_attempt_at`.",
	},
	{
		ID: "keeper-no-ca", Title: "There is no authority of your own yet.", Link: "certificate", Verdict: "fail",
		Summary: "There is no own certificate authority yet, so there is no certificate for the broker.",
		Action:  "Run `edgeguard cert ca init` once, and install the root that it makes on the phones.",
	},
	{
		ID: "keeper-ca-locked", Title: "The key of your own authority needs its passphrase.", Link: "certificate", Verdict: "fail",
		Summary: noneHeld + "the certificate authority's key needs its passphrase.",
		Action:  "Set certificate.own_ca.passphrase_file to the file that holds the passphrase.",
	},
	{
		ID: "keeper-disk-full", Title: "The disk with the certificate's state is full.", Link: "certificate", Verdict: "fail",
		Summary: noneHeld + "the key for the certificate cannot be made or saved: {any}no space left on device.",
		Action:  "Make room on the disk of {any} and let edgeguard write there. Nothing is lost: it goes on by itself.",
	},
	{
		ID: "keeper-folder", Title: "The folder that is shared with the broker cannot be written.", Link: "certificate", Verdict: "warn",
		Summary: "The certificate cannot be handed to the broker ({any}), so the broker goes on with what it has.",
		Action:  "Let edgeguard write to {any} (certificate.directory), and see that its disk is not full.",
		More:    "That is said when it has not worked for two minutes. It is tried again all the while.",
	},
	{
		ID: "keeper-not-reloaded", Title: "The broker was not told of the new certificate.", Link: "certificate", Verdict: "warn",
		Summary: "The service mqtt still serves another certificate than the one that was handed over (serial {any}, until {date} {time} UTC), since {date} {time} UTC.",
		Action:  "Restart the broker, or run the watcher from deploy/ beside it, or set certificate.reload.",
		More:    "That is said when it has been so for two minutes, and not while a broker takes its time.",
	},
}
