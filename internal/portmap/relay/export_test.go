package relay

// What the tests need of the inside.

// AppendProxyHeader is appendProxyHeader.
var AppendProxyHeader = appendProxyHeader

// MaxProxyHeader is maxProxyHeader.
const MaxProxyHeader = maxProxyHeader
