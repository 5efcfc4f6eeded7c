// Package checker asks a service on the Internet, which the person configures,
// whether it reaches the home's ports. Nothing that is seen from inside proves that:
// neither what the router says it forwards nor a call that it loops back.
//
// What cannot be read as an answer to the question is unknown, and never closed:
// the checker is down, it limits us, it wants to send us elsewhere. A port is
// called closed when two answers in a row say so.
package checker
