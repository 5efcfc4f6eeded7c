package router

// Search6Port makes searches by IPv6 go to a port.
func (r *Router) Search6Port(port uint16) { r.timing.search6 = port }
