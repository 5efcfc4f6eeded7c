package memlimit

// What the fuzz targets reach into.

// Parse reads the kernel's texts, and returns where the groups are seen.
func Parse(groups, mounts string) (below []string) {
	v1, v2 := ownGroups(groups)
	for _, m := range memoryMounts(mounts) {
		own := v1
		if m.v2 {
			own = v2
		}
		if at, ok := m.locate(own); ok {
			below = append(below, at)
		}
	}
	return below
}

// ParseLimit reads a limit file's text.
func ParseLimit(text string) (int64, error) { return parseLimit(text) }
