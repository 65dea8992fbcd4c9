package bucket

const (
	// largestPart is how many bytes a part has at most that is copied; S3 takes 5 GiB.
	largestPart = 4 << 30
	// maxSize is how many bytes an object has at most.
	maxSize = 5 << 40
)

// A layout says which bytes of a file each part of its upload has. It follows from the size of
// the first part alone, so what ListParts tells is how far an upload came.
type layout []span

// A span is parts of one size that follow each other.
type span struct {
	parts int
	size  int64
}

// newLayout has parts of one size as long as that does, and then such that 10,000 of them hold
// 5 TiB. Parts that are larger than the first are not held in memory: see [assembly].
func newLayout(part int64) layout {
	larger := func(by int64) int64 { return min(part*by, largestPart/part*part) }
	return layout{{8000, part}, {400, larger(16)}, {300, larger(128)}, {1300, larger(1 << 10)}}
}

// at returns the part that a byte is in: its number, from 1 on, where it begins, and how
// many bytes it has. Behind the last part, it is the last.
func (l layout) at(offset int64) (number int, start, size int64) {
	for i, s := range l {
		if n := (offset - start) / s.size; n < int64(s.parts) || i == len(l)-1 {
			n = min(n, int64(s.parts)-1)
			return number + int(n) + 1, start + n*s.size, s.size
		}
		number, start = number+s.parts, start+int64(s.parts)*s.size
	}
	return 0, 0, 0
}

// start is where a part begins.
func (l layout) start(number int) (start int64) {
	for _, s := range l {
		n := min(number-1, s.parts)
		start, number = start+int64(n)*s.size, number-n
	}
	return start
}

// end is how many bytes an upload has at most.
func (l layout) end() int64 { return min(l.start(1+l.parts()), maxSize) }

func (l layout) parts() (n int) {
	for _, s := range l {
		n += s.parts
	}
	return n
}
