package hairpin

// What is remembered of each service from one look to the next.

import (
	"context"
	"slices"
	"time"

	"github.com/edgeguard/edgeguard/internal/hairpin/certs"
)

// quietFor is how long a broker that refused the credentials is not asked again:
// who repeats a wrong password is locked out by many.
const quietFor = 10 * time.Minute

// memory is what is remembered of a service.
type memory struct {
	looked bool     // whether last means anything
	last   look     // the last look
	seen   *served  // the last certificate shown; nil: none yet
	names  []string // the names of the last trusted one; nil: none yet

	wildcards []string // its wildcards

	tls     *TLSStatus  // as it answered last; nil: not yet
	deep    deep        // the last rare look
	refused time.Time   // when the credentials were refused; zero: they were not
	file    *certs.File // nil where none is configured
	disk    disk        // what it holds now
}

func newMemory(s Service) *memory {
	m := &memory{}
	if s.CertificateFile != "" {
		m.file = certs.NewFile(s.CertificateFile)
	}
	return m
}

// tlsStatus is how the service answered last, with what old devices make of it;
// nil while it has not.
func (m *memory) tlsStatus() *TLSStatus {
	if m.tls == nil {
		return nil
	}
	t := *m.tls
	t.OldDevices, t.OldDevicesWhy = m.deep.oldDevices, m.deep.why
	return &t
}

// visit looks at every service, and takes the rare look where that is due.
func (p *Prober) visit(ctx context.Context, again bool) ([]look, []deep) {
	looks, deeps := make([]look, len(p.memories)), make([]deep, len(p.memories))
	visitors := make([]visitor, len(p.memories))
	for i, m := range p.memories {
		m.disk = lookAtDisk(m.file)
		visitors[i] = visitor{dial: p.dial, service: p.cfg.Services[i], known: m.disk.chain}
		visitors[i].quiet = !again && !m.refused.IsZero() && time.Since(m.refused) < quietFor
	}
	p.each(ctx, func(ctx context.Context, i int) {
		if p.cfg.Services[i].Address.IsValid() {
			looks[i] = visitors[i].look(ctx)
		}
	})
	for i, m := range p.memories {
		deeps[i] = m.deep
		if visitors[i].quiet {
			looks[i].recall(m.last)
		}
	}
	p.each(ctx, func(ctx context.Context, i int) {
		if deeps[i].due(looks[i], time.Now()) {
			deeps[i] = visitors[i].lookDeep(ctx, looks[i])
		}
	})
	return looks, deeps
}

// recall takes the broker's word from the look before, where it was not asked.
func (l *look) recall(last look) {
	if l.reached && l.err == "" {
		l.asked, l.mqtt, l.wantsClient = last.asked, last.mqtt, l.wantsClient || last.wantsClient
	}
}

// remember takes in a look and logs what became different.
func (p *Prober) remember(i int, l look, d deep) {
	m, log := p.memories[i], p.cfg.Log.With("service", p.cfg.Services[i].Name)
	switch {
	case l.err != "" && (!m.looked || l.err != m.last.err):
		log.Info("service does not answer", "err", l.err, "action", sentences[l.fault].action)
	case l.err != "":
		log.Debug("service still does not answer", "err", l.err)
	case !m.looked || m.last.err != "":
		log.Info("service answers", "mqtt", l.mqtt)
	}
	switch {
	case !l.refused():
		m.refused = time.Time{}
	case m.refused.IsZero() || time.Since(m.refused) >= quietFor:
		m.refused = time.Now()
	}
	m.looked, m.last, m.deep = true, l, d
	if t := l.tlsStatus(); t != nil {
		m.tls = t
	}
	p.rememberCertificate(i, l)
}

// rememberCertificate takes in the certificate of a look, if it saw one.
func (p *Prober) rememberCertificate(i int, l look) {
	m, log := p.memories[i], p.cfg.Log.With("service", p.cfg.Services[i].Name)
	if l.served == nil {
		return
	}
	if m.seen == nil || m.seen.cert.SPKISHA256 != l.served.cert.SPKISHA256 || m.seen.cert.Why != l.served.cert.Why || !m.seen.cert.NotAfter.Equal(l.served.cert.NotAfter) {
		c := l.served.cert
		log.Info("certificate seen", "names", c.Names, "issuer", c.Issuer, "not_after", c.NotAfter, "trusted", c.Trusted, "why", c.Why)
	}
	m.seen = l.served
	if l.proved && l.served.cert.Trusted && (m.names == nil || !slices.Equal(m.names, l.served.Names) || !slices.Equal(m.wildcards, l.served.Wildcards)) {
		log.Info("names learned from certificate", "names", l.served.Names, "before", m.names)
		m.names, m.wildcards = l.served.Names, l.served.Wildcards
	}
}
