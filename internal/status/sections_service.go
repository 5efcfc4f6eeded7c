package status

// The services and the loopback, made of what the prober knows.

import "github.com/edgeguard/edgeguard/internal/hairpin"

func (m maker) services(s hairpin.Status) []Service {
	return each(spoken(s), s.Services, func(service hairpin.ServiceStatus) Service {
		return Service{
			Name:        m.text(service.Name),
			Remote:      service.Remote,
			Host:        m.optional(service.Host),
			Address:     endpoint(service.Address),
			Reachable:   yesNo(service.Reachable),
			TLS:         m.tls(service.TLS),
			MQTT:        m.optional(service.MQTT),
			MQTT5:       m.optional(service.MQTT5),
			Certificate: m.certificate(service.Certificate),
			LastError:   m.optional(service.LastError),
		}
	})
}

func (m maker) certificate(c *hairpin.Certificate) *Certificate {
	if c == nil {
		return nil
	}
	return &Certificate{
		SubjectCN:          m.optional(c.SubjectCN),
		Names:              m.texts(c.Names),
		Issuer:             m.optional(c.Issuer),
		NotBefore:          instant(c.NotBefore),
		NotAfter:           instant(c.NotAfter),
		Key:                m.optional(c.Key),
		Trusted:            c.Trusted,
		Why:                m.optional(c.Why),
		Complete:           yesNo(c.Complete),
		Root:               m.optional(c.Root),
		SPKISHA256:         m.optional(c.SPKISHA256),
		TasmotaFingerprint: m.optional(c.TasmotaFingerprint),
		File:               m.certificateFile(c.File),
	}
}

func (m maker) certificateFile(f *hairpin.CertificateFile) *CertificateFile {
	if f == nil {
		return nil
	}
	return &CertificateFile{
		Path:      m.text(f.Path),
		NotAfter:  instant(f.NotAfter),
		Served:    yesNo(f.Served),
		LastError: m.optional(f.LastError),
	}
}

func (m maker) tls(t *hairpin.TLSStatus) *TLS {
	if t == nil {
		return nil
	}
	return &TLS{
		Version:       m.text(t.Version),
		Cipher:        m.text(t.Cipher),
		OldDevices:    yesNo(t.OldDevices),
		OldDevicesWhy: m.optional(t.OldDevicesWhy),
	}
}

func (m maker) hairpin(s hairpin.Status) Hairpin {
	verdict := s.Loopback
	if verdict == "" {
		verdict = hairpin.LoopbackUnknown
	}
	return Hairpin{Verdict: m.text(string(verdict)), Evidence: each(spoken(s), s.Evidence, m.text), SourceSeen: host(s.SourceSeen)}
}
