package cert

// The words on the certificate, apart from what decides which are said.

import (
	"fmt"
	"time"
)

// Why a certificate is needed, or when it will be.
const (
	becauseNone    = "there is no certificate yet"
	becauseMode    = "the config wants it from another CA"
	becauseServer  = "the config names another ACME server"
	becauseRoot    = "the own certificate authority has another root now"
	becauseKey     = "the config wants another kind of key"
	becauseNames   = "it does not name %s"
	becauseAsked   = "somebody asked for it"
	becauseExpired = "it has expired"
	becauseFuture  = "it begins in the future: it was issued while the clock was wrong"
	becauseWindow  = "the CA wants it renewed then"
	becauseThird   = "a third of its life is left by then"
	becauseHalf    = "half of its short life is left by then"
)

// wordsAge says why a certificate is renewed by its age.
func wordsAge(l life) string {
	if l.NotAfter.Sub(l.NotBefore) < shortLife {
		return becauseHalf
	}
	return becauseThird
}

// Why an attempt was no good.
const (
	saysNoKey      = "the key for the certificate cannot be made or saved"
	saysSame       = "the CA gave the certificate again that was to be renewed"
	saysLacksName  = "the CA issued a certificate that does not name %s"
	saysOtherKey   = "the CA issued a certificate for another kind of key"
	saysOtherClock = "the CA issued a certificate from %s to %s, but the clock here shows %s"
	saysTooShort   = "the CA issued a certificate that ends already on %s, so soon that it is of no use"
	saysNotSaved   = "the new certificate was obtained but cannot be saved (%s)"
)

// What a person can do.
const (
	setClock      = "Set the clock of this machine, or let it be set by NTP."
	makeRoom      = "Make room on the disk of %s and let edgeguard write there. Nothing is lost: it goes on by itself."
	makeCA        = "Run `edgeguard cert ca init` once, and install the root that it makes on the phones."
	unlockCA      = "Set certificate.own_ca.passphrase_file to the file that holds the passphrase."
	unlockCAFile  = "Put the right passphrase into %s (certificate.own_ca.passphrase_file), and let edgeguard read it."
	repairCA      = "Look at the folder of the own certificate authority; `edgeguard cert ca show` says what is wrong with it."
	replaceRoot   = "Make a new authority before then, and install its root on every device."
	renewIssuer   = "Run `edgeguard cert ca renew --offline FOLDER` with the root's key from off line; nothing changes for the devices."
	letWrite      = "Let edgeguard write to %s (certificate.directory), and see that its disk is not full."
	letRead       = "Let edgeguard read and write %s."
	lookAtLog     = "The log has more. It is tried again by itself."
	reloadByHand  = "Restart the broker, or run the watcher from deploy/ beside it, or set certificate.reload."
	reloadRepair  = "Repair the reload (certificate.reload), or restart the broker."
	restartBroker = "Restart the broker once: it keeps the old certificate as long as it runs when the kind of key changes."
	pointBroker   = "See that the broker's certfile and keyfile both name combined.pem in %s, and restart it once."
)

// What is so.
const (
	saysClock       = "The clock shows %s, which cannot be right, so no certificate is obtained or judged."
	saysClockJumped = "The clock has just jumped, so the certificate is judged once it has gone on evenly for five minutes."
	saysUnreadable  = "The folder of the certificate cannot be read (%s), so it is not known whether there is one."
	saysObtaining   = "There is no certificate yet; it is being obtained."
	saysNoCA        = "There is no own certificate authority yet, so there is no certificate for the broker."
	saysNoCANow     = "The own certificate authority is gone, so the certificate cannot be renewed; it ends on %s."
	saysNone        = "There is no certificate, so clients cannot connect safely. The last attempt failed: %s"
	saysExpired     = "The certificate expired on %s, so clients refuse the broker."
	saysAttempt     = " The last attempt to renew it failed: %s"
	saysRenewing    = " It is being renewed."
	saysLate        = "The certificate ends on %s and could not be renewed so far: %s"
	saysUnfit       = "The certificate is not the one that is wanted (%s), and another could not be obtained: %s"
	saysLockedCA    = "The own certificate authority cannot be used (%s), so nothing is issued or revoked by it."
	saysCRL         = "The list of revoked client certificates cannot be renewed (%s); once it has ended, brokers refuse every client."
	saysRootEnds    = "The own certificate authority ends on %s, and with it every certificate that it has issued."
	saysIssuerEnds  = "The intermediate of the own certificate authority ends on %s; after that nothing that it issued is good."
	saysNotWritten  = "The certificate cannot be handed to the broker (%s), so the broker goes on with what it has."
	saysNotTold     = "The broker cannot be told of the new certificate (%s), so it may go on with the old one."
	saysOldServed   = "The service %s still serves another certificate than the one that was handed over (serial %s, until %s), since %s."
	saysOldExpired  = "The service %s serves a certificate that has expired (serial %s, on %s), though a new one was handed over, so clients refuse it."
)

// Evidence. None of it changes while nothing happens.
const (
	evidenceHeld   = "held: %s, issued by %s, serial %s, from %s to %s"
	evidenceServed = "%s: serves it: %s"
	evidenceFormer = "the kind of key changed from %s to %s: a broker that was not restarted since goes on with the old certificate for clients that know only the old kind"
)

// What a look says that cannot know what a running Keeper is about.
const (
	saysNoneSeen = "There is no certificate yet; a running edgeguard obtains it."
	seeDaemon    = "Ask the running edgeguard how that goes (`edgeguard status`), or start it."
)

func saysExpiredSeen(end time.Time) string {
	return fmt.Sprintf(saysExpired, day(end)) + " A running edgeguard renews it."
}
