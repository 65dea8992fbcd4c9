package sftp

import "slices"

const (
	// maxHeldNames is how many bytes of names are kept of one folder.
	maxHeldNames = 1 << 20
	// nameOverhead is what a name takes besides its bytes.
	nameOverhead = 64
)

// heldNames are names of entries that are kept, as far as the connection may
// hold something (see Conn.hold).
type heldNames struct {
	conn  *Conn
	names []string
	bytes int
}

// add keeps a name, or returns false if there is no room for it.
func (h *heldNames) add(name string) bool {
	n := len(name) + nameOverhead
	if h.bytes+n > maxHeldNames || !h.conn.hold(n) {
		return false
	}
	h.names = append(h.names, name)
	h.bytes += n
	return true
}

// each calls f for each name in their order, until one fails, and forgets them.
func (h *heldNames) each(f func(name string) error) error {
	defer h.clear()
	slices.Sort(h.names)
	for _, name := range h.names {
		if err := f(name); err != nil {
			return err
		}
	}
	return nil
}

func (h *heldNames) clear() {
	h.conn.unhold(h.bytes)
	h.names, h.bytes = nil, 0
}
