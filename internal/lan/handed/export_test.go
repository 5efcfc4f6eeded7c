package handed

import (
	"context"

	"github.com/edgeguard/edgeguard/internal/lan/dhcp"
	"github.com/edgeguard/edgeguard/internal/lan/radv"
)

// On puts a network of the test's in place of the real one.
func (c Config) On(ask func(context.Context, dhcp.Place) ([]dhcp.Server, error),
	listen func(context.Context, func(), func(radv.Advertisement)) error, solicit func(int) error) Config {
	c.ask, c.listen, c.solicit = ask, listen, solicit
	return c
}

// MaxRouters bounds the routers that are remembered.
const MaxRouters = maxRouters
