package acme

// What can be seen to go wrong before an order is placed.

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// preflight returns what would make the CA refuse, as far as that can be seen
// from here. What cannot be seen is left to the CA.
func (s *session) preflight(ctx context.Context, r Request) error {
	for _, name := range r.Names {
		if err := s.checkCAA(ctx, name); err != nil {
			return err
		}
		var err error
		if s.cfg.Challenge == HTTP01 {
			err = s.checkAddresses(ctx, name)
		} else {
			err = s.checkWritable(ctx, name)
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// checkWritable sees whether somebody here can write the proof of a name.
func (s *session) checkWritable(ctx context.Context, name string) error {
	_, _, err := s.targets(ctx, &note{}, []proof{{base: strings.TrimPrefix(name, "*.")}})
	return err
}

// checkCAA sees whether the CAA records that hold for name allow this CA (RFC
// 8659, section 4).
func (s *session) checkCAA(ctx context.Context, name string) error {
	identities := s.dir.identities()
	if s.cfg.Names == nil || len(identities) == 0 {
		return nil
	}
	base, wildcard := strings.CutPrefix(name, "*.")
	records, err := s.cfg.Names.CAA(ctx, base)
	if err != nil {
		s.log.Info("the CAA records could not be looked at", "name", base, "error", err)
		return nil
	}
	why := caaForbids(records, wildcard, identities, s.account.Location, s.cfg.Challenge)
	if why == "" {
		return nil
	}
	return failed("Add a CAA record that allows it (0 issue \""+clean(identities[0], 80)+"\"), or remove those that are there.",
		"The CAA records that hold for %s do not allow this CA to issue: %s.", name, why)
}

// caaForbids says why records ("TAG VALUE") do not allow the CA of these
// identities; empty where they do. account and challenge are ours (RFC 8657).
func caaForbids(records []string, wildcard bool, identities []string, account string, challenge Challenge) string {
	issue, issueWild := valuesOf(records, "issue"), valuesOf(records, "issuewild")
	if wildcard && len(issueWild) > 0 {
		issue = issueWild
	}
	if len(issue) == 0 {
		return ""
	}
	why := ""
	for _, value := range issue {
		domain, parameters, _ := strings.Cut(value, ";")
		domain = strings.ToLower(strings.TrimSpace(domain))
		switch {
		case domain == "":
			why = say(why, "they forbid every CA")
		case !slices.ContainsFunc(identities, func(id string) bool { return strings.EqualFold(id, domain) }):
			why = say(why, "they allow "+clean(domain, 80))
		default:
			bad := parametersForbid(parameters, account, challenge)
			if bad == "" {
				return ""
			}
			why = bad
		}
	}
	return why
}

// say returns old unless that is empty: the first reason is told.
func say(old, text string) string {
	if old != "" {
		return old
	}
	return text
}

// parametersForbid reads the parameters of a CAA record that allows the CA.
func parametersForbid(parameters, account string, challenge Challenge) string {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "accounturi":
			if account != "" && value != account {
				return "they allow it for another account only"
			}
		case "validationmethods":
			if !slices.Contains(strings.Split(value, ","), string(challenge)) {
				return "they do not allow it to prove names by " + string(challenge)
			}
		}
	}
	return ""
}

// valuesOf are the values of the records with a tag.
func valuesOf(records []string, tag string) (values []string) {
	for _, record := range records {
		name, value, _ := strings.Cut(strings.TrimSpace(record), " ")
		if strings.EqualFold(name, tag) {
			values = append(values, strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	return values
}

// checkAddresses sees whether a name leads the CA here.
func (s *session) checkAddresses(ctx context.Context, name string) error {
	if s.cfg.Names == nil || s.cfg.PublicAddresses == nil {
		return nil
	}
	ours := addresses(s.cfg.PublicAddresses())
	if len(ours) == 0 {
		return nil // not known
	}
	list, err := s.cfg.Names.Addresses(ctx, name)
	if err != nil {
		s.log.Info("the published addresses could not be looked at", "name", name, "error", err)
		return nil
	}
	published := addresses(list)
	if len(published) == 0 {
		return failed("See to it that the name is published, or use dns-01.", "The name %s has no address in the public DNS, so the CA finds nobody to ask.", name)
	}
	for _, address := range published {
		if slices.Contains(ours, address) {
			continue
		}
		if address.Is6() {
			return failed("Remove the AAAA record, or have it lead to the host on which this runs; or use dns-01.",
				"The name %s has the IPv6 address %s, which is not this home's address, and CAs ask there first.", name, address)
		}
		return failed("Wait until the name leads to this home's address, or use dns-01.",
			"The name %s leads to %s, which is not this home's public address, so the CA would ask somebody else.", name, address)
	}
	return nil
}

// addresses parses a list, and leaves out what is no address.
func addresses(list []string) (parsed []netip.Addr) {
	for _, text := range list {
		if address, err := netip.ParseAddr(text); err == nil {
			parsed = append(parsed, address.Unmap())
		}
	}
	return parsed
}

// describe is for logs.
func (s *session) describe() string {
	if s.rehearsal {
		return fmt.Sprintf("rehearsal at %s", s.address)
	}
	return s.address
}
