package mqtt

// What the external tests reach into.

// Connect is the CONNECT that Greet sends.
var Connect = connect

// Properties reports whether the properties are well made.
var Properties = properties
