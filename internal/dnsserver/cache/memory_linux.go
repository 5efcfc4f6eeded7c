package cache

// Memory from the kernel: mmap(2), madvise(2).

import "golang.org/x/sys/unix"

// allocate returns size octets of zeros outside of Go's heap, or nil where
// there are none; release takes them back. The kernel gives a page only once
// it is written to, and the garbage collector, which lets the heap grow to a
// multiple of what is in use, does not count them.
func allocate(size int) []byte {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	// With huge pages the first few entries would take all of the memory at
	// once. A kernel that has none refuses, which is as good.
	_ = unix.Madvise(mem, unix.MADV_NOHUGEPAGE)
	return mem
}

func release(mem []byte) { _ = unix.Munmap(mem) }
