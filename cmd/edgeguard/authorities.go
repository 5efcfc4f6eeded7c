package main

// The authorities that devices have to be told of.

import (
	"slices"

	"github.com/edgeguard/edgeguard/internal/status"
)

// authorities lists those of every ca_file of the config in force, each once.
func (d *daemon) authorities() (list []status.Authority) {
	for _, s := range d.now.Load().cfg.Services {
		for _, cert := range s.Authorities {
			i := slices.IndexFunc(list, func(a status.Authority) bool { return a.Certificate.Equal(cert) })
			if i < 0 {
				list = append(list, status.Authority{Service: s.Name, Certificate: cert})
			} else {
				list[i].Service += ", " + s.Name
			}
		}
	}
	return list
}
