package multicast

// onlyJoined has nothing to do: only joined interfaces are heard.
func onlyJoined(int) error { return nil }
